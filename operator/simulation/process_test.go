// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/operator/readiness"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// home is the operator's own namespace.
const home = "windlass-system"

// quietly is where nothing is logged.
var quietly = log.IntoContext(context.Background(), logr.Discard())

// mapper is made once: it takes longer than many a step.
var mapper = world.Mapper()

// process is one life of the operator: all of its controllers with what they remember, fed by their own watches.
type process struct {
	*simulation
	controllers []*running
}

// running is a controller and what it has still to look at.
type running struct {
	loop.Controller
	queue *world.Queue
	// late are the watches that it has begun by itself.
	late []func(world.Event)
}

// newCache is the operator's cache, which outlives it: its state at the next start is what it would be then.
func newCache(s *world.Store) *world.Cache {
	c := world.NewCache(s, disruption.Trim, statefulset.TrimClaim, statefulset.TrimRevision)
	for _, add := range []func(context.Context, client.FieldIndexer) error{sidecarset.AddIndexes, statefulset.AddIndexes} {
		if err := add(context.Background(), c); err != nil {
			s.T.Fatal(err)
		}
	}
	for _, owner := range []client.Object{&appsv1.ReplicaSet{}, &appsv1.Deployment{}} {
		byController := func(o client.Object) []string { return podcache.ControllerUID(o) }
		if err := c.IndexField(context.Background(), owner, podcache.ControllerIndex, byController); err != nil {
			s.T.Fatal(err)
		}
	}
	return c
}

// start begins a life of the operator, with an empty memory and a cache that has seen everything.
func (s *simulation) start() {
	s.cache.Deaf = false
	s.cache.Shown = nil
	s.cache.Sync()
	s.client = &world.Client{Store: s.Store, Reader: s.cache, Fault: s.fault, Answer: s.answer, Admit: s.admit, Policy: s.policy, Wrote: s.wrote}
	s.client.Unconditional = map[string]bool{world.Revision: true}
	cluster := loop.Cluster{Client: creator{s.client, s.observer}, Live: s.Live(), Mapper: mapper, Clock: s.Clock, Recorder: &events.FakeRecorder{}}
	remediated := cluster
	remediated.Client = remediator{s.client, s.observer}
	patches := &running{queue: world.NewQueue(s.Clock)}
	patches.Controller = schedpatch.New(cluster, &lateWatches{Reader: s.cache, s: s, controller: patches}, schedpatch.Options{})
	clear(s.pulls)
	taken, pulls := ledger.New(), pullers.NewMemory()
	s.process = &process{simulation: s, controllers: []*running{
		{Controller: sidecarset.New(cluster, sidecarset.Options{
			Parallel: 1, Namespace: home, CanResize: true, Ledger: taken, Pulls: pulls, ImagePreDownload: s.preDownload,
		}), queue: world.NewQueue(s.Clock)},
		{Controller: statefulset.New(cluster, statefulset.Options{
			Parallel: 1, CanResize: true, Ledger: taken, Pulls: pulls, ImagePreDownload: s.preDownload,
			Remediator: remediation.New(remediated, remediation.Options{Namespace: home, Asker: s.webhook}),
		}), queue: world.NewQueue(s.Clock)},
		patches,
		{Controller: readiness.New(cluster), queue: world.NewQueue(s.Clock)},
	}}
	for _, c := range s.process.controllers {
		for _, watch := range c.Watches {
			for _, object := range s.cache.Objects(world.KindOf(s.T, watch.Object)) {
				c.feed(watch, nil, object)
			}
		}
	}
	s.cache.Shown = append(s.cache.Shown, s.process.shown)
}

// creator is a client that tells the observer which Pods that pull images are made, or refused, and which are to go.
type creator struct {
	*world.Client
	o *observer
}

// Create creates.
func (c creator) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	err := c.Client.Create(ctx, object, options...)
	switch puller, is := object.(*corev1.Pod); {
	case !is || !pull.Is(object):
	case err == nil:
		c.o.pullsOf().made[puller.UID] = puller.DeepCopy()
	case refusal.KindOf(err) == refusal.Refused:
		c.o.pullerRefused(puller)
	}
	return err
}

// Delete deletes.
func (c creator) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	delete(c.o.pullsOf().made, object.GetUID())
	return c.Client.Delete(ctx, object, options...)
}

// remediator is the client of auto remediation.
type remediator struct {
	*world.Client
	o *observer
}

// Delete tells the observer whose deletion it is.
func (r remediator) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	r.o.remediating = true
	r.o.remediated++
	defer func() { r.o.remediating = false }()
	return r.Client.Delete(ctx, object, options...)
}

// shown feeds what the cache shows to the controllers.
func (p *process) shown(e world.Event) {
	for _, c := range p.controllers {
		for _, watch := range c.Watches {
			if world.KindOf(p.T, watch.Object) == e.Kind {
				c.feed(watch, e.Before, e.After)
			}
		}
		for _, watch := range c.late {
			watch(e)
		}
	}
}

func (c *running) feed(watch loop.Watch, before, after client.Object) {
	feed(watch.Handler, watch.Predicates, before, after, c.queue)
}

// feed tells a handler of a change, as a watch does.
func feed[T client.Object](to handler.TypedEventHandler[T, reconcile.Request], predicates []predicate.TypedPredicate[T], before, after T, queue *world.Queue) {
	switch {
	case isNil(before):
		e := event.TypedCreateEvent[T]{Object: after}
		for _, p := range predicates {
			if !p.Create(e) {
				return
			}
		}
		to.Create(quietly, e, queue)
	case isNil(after):
		e := event.TypedDeleteEvent[T]{Object: before}
		for _, p := range predicates {
			if !p.Delete(e) {
				return
			}
		}
		to.Delete(quietly, e, queue)
	default:
		e := event.TypedUpdateEvent[T]{ObjectOld: before, ObjectNew: after}
		for _, p := range predicates {
			if !p.Update(e) {
				return
			}
		}
		to.Update(quietly, e, queue)
	}
}

// isNil reports whether there is no object behind a pointer.
func isNil(object client.Object) bool {
	switch o := object.(type) {
	case nil:
		return true
	case *metav1.PartialObjectMetadata:
		return o == nil
	case *corev1.Node:
		return o == nil
	}
	return false
}

// lateWatches are those that the controller of SchedPatches begins when it needs them.
type lateWatches struct {
	client.Reader
	s          *simulation
	controller *running
}

var _ schedpatch.LateWatches = &lateWatches{}

// WatchOwners begins with what is there.
func (l *lateWatches) WatchOwners(_ context.Context, kind *metav1.PartialObjectMetadata, to schedpatch.OwnerEvents) (func() bool, error) {
	meta := func(object client.Object) *metav1.PartialObjectMetadata {
		if object == nil {
			return nil
		}
		return world.Metadata(l.s.T, object)
	}
	for _, object := range l.s.cache.Objects(kind.Kind) {
		feed(to, nil, nil, meta(object), l.controller.queue)
	}
	l.controller.late = append(l.controller.late, func(e world.Event) {
		if e.Kind == kind.Kind {
			feed(to, nil, meta(e.Before), meta(e.After), l.controller.queue)
		}
	})
	return func() bool { return true }, nil
}

// WatchNodes begins with what is there.
func (l *lateWatches) WatchNodes(to schedpatch.NodeEvents) error {
	node := func(object client.Object) *corev1.Node {
		node, _ := object.(*corev1.Node)
		return node
	}
	for _, object := range l.s.cache.Objects(world.Node) {
		feed(to, nil, nil, node(object), l.controller.queue)
	}
	l.controller.late = append(l.controller.late, func(e world.Event) {
		if e.Kind == world.Node {
			feed(to, nil, node(e.Before), node(e.After), l.controller.queue)
		}
	})
	return nil
}

// ready are the requests that a controller may take now, of all controllers.
func (p *process) ready() (out []func() (*running, reconcile.Request)) {
	for _, c := range p.controllers {
		for i := range c.queue.Ready() {
			out = append(out, func() (*running, reconcile.Request) { return c, c.queue.Take(i) })
		}
	}
	return out
}

// lookAt lets a controller look at one object. The operator may be killed at one of its writes: it does nothing from then
// on, and another one comes that remembers nothing.
func (s *simulation) lookAt(c *running, request reconcile.Request, mayDie bool) {
	ctx, cancel := context.WithCancel(quietly)
	defer cancel()
	s.kill, s.writesLeft, s.dead = cancel, -1, false
	if mayDie && s.chance(8) {
		s.writesLeft, s.diesAfter = s.random.IntN(4), s.chance(50)
	}
	s.reconcile(ctx, c, request)
	if s.dead {
		s.say("the operator is killed and comes back")
		s.start()
	}
}

// reconcile is one look.
func (s *simulation) reconcile(ctx context.Context, c *running, request reconcile.Request) {
	if *logs {
		ctx = log.IntoContext(ctx, funcr.New(func(_, text string) { s.say("      %s", text) }, funcr.Options{}))
	}
	s.begins(c.Name, request)
	result, err := c.Reconcile(ctx, request)
	s.ends(err)
	if err != nil && !s.dead {
		s.say("  %s %s: %v", c.Name, requestName(request), err)
	}
	c.queue.Finish(request, result, err)
}

func requestName(request reconcile.Request) string {
	if request.Namespace == "" {
		return request.Name
	}
	return fmt.Sprintf("%s/%s", request.Namespace, request.Name)
}
