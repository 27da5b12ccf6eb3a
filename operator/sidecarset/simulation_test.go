// SPDX-License-Identifier: Apache-2.0

package sidecarset_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/sidecarset"
)

var (
	// setKey is the SidecarSet of a cluster.
	setKey = world.Key{Name: "s"}
	// quietly is where nothing is logged.
	quietly = log.IntoContext(context.Background(), logr.Discard())
)

// cluster is one with a SidecarSet, s, which the operator looks at. Its cache shows all but Pods at once.
type cluster struct {
	*world.Store
	nodes      *world.Nodes
	cache      *world.Cache
	client     *world.Client
	controller loop.Controller
}

func newCluster(t *testing.T, set *build.SidecarSetBuilder, namespaces ...string) *cluster {
	t.Helper()
	s := world.NewStore(t)
	c := &cluster{Store: s, nodes: world.NewNodes(s), cache: world.NewCache(s)}
	if err := sidecarset.AddIndexes(t.Context(), c.cache); err != nil {
		t.Fatal(err)
	}
	s.Watchers = append(s.Watchers, func(e world.Event) {
		if e.Kind != world.Pod {
			c.cache.DeliverAll(e.Kind)
		}
	})
	c.client = &world.Client{Store: s, Reader: c.cache, Admit: c.admit, Unconditional: map[string]bool{world.Revision: true}}
	for _, name := range namespaces {
		s.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	if len(set.Obj().Spec.Containers) == 0 {
		set.Container("agent", "agent:1")
	}
	s.Add(set.Obj())
	c.start()
	if err := c.look(quietly); err != nil {
		t.Fatal(err)
	}
	s.Pass(time.Second)
	return c
}

// start is the operator's, with an empty memory.
func (c *cluster) start() {
	c.controller = sidecarset.New(loop.Cluster{
		Client: c.client, Live: c.Live(), Clock: c.Clock, Recorder: &events.FakeRecorder{},
	}, sidecarset.Options{Parallel: 1, Namespace: "windlass-system", CanResize: true})
}

// look is one look of the operator.
func (c *cluster) look(ctx context.Context) error {
	_, err := c.controller.Reconcile(ctx, reconcile.Request{NamespacedName: setKey})
	return err
}

func (c *cluster) set() *v1beta1.SidecarSet {
	return world.Get[*v1beta1.SidecarSet](c.Store, world.SidecarSet, setKey)
}

func (c *cluster) compiled() *sidecar.Set {
	set, err := sidecar.Compile(c.set())
	if err != nil {
		c.T.Fatal(err)
	}
	return set
}

func (c *cluster) edit(change func(spec *v1beta1.SidecarSetSpec)) {
	world.Change(c.Store, world.SidecarSet, setKey, func(set *v1beta1.SidecarSet) { change(&set.Spec) })
}

// admit injects the sidecars.
func (c *cluster) admit(object client.Object, _ bool) error {
	if pod, ok := object.(*corev1.Pod); ok {
		injection, err := sidecar.Inject(pod, []*sidecar.Set{c.compiled()}, c.Second())
		if err != nil {
			return err
		}
		injection.Apply(pod)
	}
	return nil
}

// simulation is a cluster in which things happen in random order: kubelets act late, Pods flap, end and are deleted,
// wait for a node or lose it, writes are refused or come to nobody knows what, the cache lags behind, and people change
// their minds.
type simulation struct {
	*cluster
	random *rand.Rand
	max    int
	// taken are the Pods that we took down: they served when they were written to, and have not served since.
	taken map[types.UID]bool
	// doubtful tells that a write was carried out though we were not told.
	doubtful bool
	// refusing is the namespace whose Pods a policy keeps from being changed.
	refusing string
	// calm ends all faults.
	calm bool
	// without takes a guard away, to show that the simulation notices.
	without guard
	log     []string
	next    int
}

// guard is what keeps a rollout within maxUnavailable.
type guard struct {
	// record is whether the record of an update says that the Pod served.
	record bool
	// nodes is whether only nodes that do not report are taken for lost.
	nodes bool
	// doubt is whether a write keeps its share of which nobody knows.
	doubt bool
}

func newSimulation(t *testing.T, seed uint64, without guard) *simulation {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	count, most := 2+random.IntN(8), 1+random.IntN(3)
	s := &simulation{
		cluster: newCluster(t, build.MakeSidecarSet("s").MaxUnavailable(fmt.Sprint(most)), "ns-0", "ns-1", "ns-2"),
		random:  random, max: most, taken: map[types.UID]bool{}, without: without,
	}
	s.client.Fault, s.client.Answer, s.client.Policy, s.client.Wrote = s.fault, s.answer, s.policy, s.wrote
	if without.nodes {
		s.cache.Trims = append(s.cache.Trims, silence)
	}
	for i := range count {
		s.Add(world.MakeNode(fmt.Sprint("node-", i), nil))
	}
	for range count {
		s.makePod()
	}
	for range 2 {
		s.kubelets()
	}
	s.cache.Sync()
	return s
}

// silence takes away what a Node reports.
func silence(object any) (any, error) {
	if node, ok := object.(*corev1.Node); ok {
		node.Status.Conditions = nil
	}
	return object, nil
}

// makePod is a controller's, in one of three namespaces. Half of the Pods are a Job's.
func (s *simulation) makePod() *corev1.Pod {
	pod := build.MakePod(fmt.Sprint("web-", s.next)).Namespace(fmt.Sprint("ns-", s.next%3)).Label("app", "web").New().Obj()
	pod.CreationTimestamp = s.Second()
	if s.random.IntN(2) == 0 {
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
	s.next++
	if err := s.client.Create(quietly, pod); err != nil {
		s.T.Fatal(err)
	}
	return pod
}

func (s *simulation) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// step lets one random thing happen.
func (s *simulation) step() {
	var pod *corev1.Pod
	if all := s.Pods(); len(all) > 0 {
		pod = all[s.random.IntN(len(all))]
	}
	switch n := s.random.IntN(100); {
	case n < 33:
		s.look()
	case n < 57 && pod != nil:
		s.kubelet(pod)
	case n < 76:
		s.cache.Deliver(world.Pod, 1+s.random.IntN(3))
	case n < 81 && pod != nil:
		s.flap(pod)
	case n < 84 && pod != nil:
		s.replace(pod)
	case n < 86 && pod != nil:
		s.end(pod)
	case n < 89 && pod != nil:
		s.node(pod)
	case n < 90:
		s.refusing = fmt.Sprint("ns-", s.random.IntN(4)) // the fourth has no Pods
		s.note("a policy is against changes in %s", s.refusing)
	case n < 95:
		s.change()
	case n < 98:
		s.pass(time.Second)
	default:
		s.pass(time.Minute)
	}
}

// look is one look of the operator, on what the cache shows.
func (s *simulation) look() {
	if err := s.cluster.look(quietly); err != nil {
		s.note("the look fails: %v", err)
	}
}

// pass lets time go by. Meanwhile the cache has seen what was written, whether we were told of it or not.
func (s *simulation) pass(by time.Duration) {
	s.Pass(by)
	if s.doubtful {
		s.cache.DeliverAll(world.Pod)
	}
	s.doubtful = false
}

// update reports whether a request is that of an update.
func update(r world.Request) bool { return r.Verb == "patch" && r.Kind == world.Pod }

// fault keeps writes from being made.
func (s *simulation) fault(r world.Request) error {
	if s.calm || !update(r) || s.random.IntN(20) != 0 {
		return nil
	}
	s.note("%s fails, nobody knows how", r)
	return s.unknown()
}

// unknown is the answer to a write of which nobody knows what became of it.
func (s *simulation) unknown() error {
	if s.without.doubt {
		return world.Denied("no")
	}
	return apierrors.NewInternalError(errors.New("etcdserver: request timed out"))
}

// answer may let the answer of a write that was made get lost. What was answered the next read waits for.
func (s *simulation) answer(r world.Request) error {
	if !s.calm && update(r) && s.random.IntN(20) == 0 {
		s.note("but it is not told of")
		s.doubtful = true
		return s.unknown()
	}
	s.cache.Owe(r.Kind)
	return nil
}

// policy refuses changes of Pods in one namespace.
func (s *simulation) policy(before, after client.Object) error {
	pod, ok := after.(*corev1.Pod)
	if !ok || before == nil {
		return nil
	}
	if pod.Namespace == s.refusing {
		s.note("%s is refused", pod.Name)
		return world.Denied("nothing changes here")
	}
	for key, value := range pod.Annotations {
		if s.without.record {
			pod.Annotations[key] = strings.ReplaceAll(value, `"served":true`, `"served":false`)
		}
	}
	return nil
}

// wrote notes which Pods we take down.
func (s *simulation) wrote(r world.Request, before, after client.Object) {
	was, ok := before.(*corev1.Pod)
	if !ok || !update(r) || was.DeletionTimestamp != nil {
		return
	}
	is := after.(*corev1.Pod)
	s.note("%s: %s to %s, served: %t", r, pods.Image(was, "agent"), pods.Image(is, "agent"), pods.Ready(was))
	if pods.Ready(was) && pods.Image(was, "agent") != pods.Image(is, "agent") {
		s.taken[was.UID] = true
	}
}

// kubelet takes the Pod one step towards its spec, or a node for it.
func (s *simulation) kubelet(pod *corev1.Pod) {
	key := client.ObjectKeyFromObject(pod)
	if said := s.nodes.Kubelet(key); said != "" {
		s.note("%s", said)
	}
	if now := s.Pod(key); now == nil || pods.Ready(now) && !s.nodes.Unreachable(now) {
		delete(s.taken, pod.UID)
	}
}

func (s *simulation) kubelets() {
	for _, pod := range s.Pods() {
		s.kubelet(pod)
	}
}

// flap makes the application unready for reasons of its own.
func (s *simulation) flap(pod *corev1.Pod) {
	if !s.taken[pod.UID] && pod.Spec.NodeName != "" {
		s.note("%s flaps", pod.Name)
		s.ChangePod(client.ObjectKeyFromObject(pod), func(pod *corev1.Pod) { s.SetReady(pod, false) })
	}
}

// end lets the application end for good, as that of a Job. From then on it is not down because of us.
func (s *simulation) end(pod *corev1.Pod) {
	if len(pod.Status.ContainerStatuses) > 0 && pod.Spec.RestartPolicy == corev1.RestartPolicyNever {
		s.note("%s ends", pod.Name)
		s.nodes.End(client.ObjectKeyFromObject(pod), "app")
		delete(s.taken, pod.UID)
	}
}

// node takes the Pod's node away, or brings it back. Without one, there is room or not. A Pod whose node is lost is not
// down because of us.
func (s *simulation) node(pod *corev1.Pod) {
	name := pod.Spec.NodeName
	if name == "" || s.random.IntN(3) == 0 {
		s.nodes.Full = !s.nodes.Full
		s.note("all nodes are full: %t", s.nodes.Full)
		return
	}
	s.nodes.LoseNode(name, !s.nodes.LostNodes[name])
	s.note("%s is lost: %t", name, s.nodes.LostNodes[name])
	for _, pod := range s.Pods() {
		if s.nodes.Unreachable(pod) {
			delete(s.taken, pod.UID)
		}
	}
}

// replace deletes a Pod; its controller makes another one, for which there may be no node yet.
func (s *simulation) replace(pod *corev1.Pod) {
	if pod.DeletionTimestamp == nil {
		s.Delete(world.Pod, client.ObjectKeyFromObject(pod))
		delete(s.taken, pod.UID)
		s.note("%s is deleted, %s comes", pod.Name, s.makePod().Name)
	}
}

// change is a person who changes the SidecarSet.
func (s *simulation) change() {
	switch n := s.random.IntN(4); n {
	case 0:
		s.image("agent:bad")
	case 1, 2:
		s.image(fmt.Sprintf("agent:%d", 2+s.random.IntN(3)))
	default:
		s.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = !spec.UpdateStrategy.Paused })
	}
	s.note("the set has image %s, paused %t", s.set().Spec.Containers[0].Image, s.set().Spec.UpdateStrategy.Paused)
}

func (s *simulation) image(image string) {
	s.edit(func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Image = image })
}

func (s *simulation) tail() string {
	return strings.Join(s.log[max(0, len(s.log)-40):], "\n")
}

// settle lets everything happen that is due, in order, until nothing does. What keeps Pods down for other reasons stays
// as it is, and so does what refuses their changes, unless it keeps a Pod down that we broke before.
func (s *simulation) settle() bool {
	s.calm = true
	s.image("agent:final")
	s.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = false })
	for _, pod := range s.Pods() {
		if pod.Namespace == s.refusing && sidecar.NewView(pod, s.compiled()).Disturbed() {
			s.refusing = ""
		}
	}
	for range 20 * (len(s.Pods()) + 1) {
		if s.settled() {
			return true
		}
		s.pass(5 * time.Second)
		s.cache.Sync()
		s.look()
		s.check()
		s.kubelets()
	}
	return false
}

// settled reports whether every Pod that may be changed is at the current version, and serves unless something else
// keeps it down.
func (s *simulation) settled() bool {
	set := s.compiled()
	for _, pod := range s.Pods() {
		view := sidecar.NewView(pod, set)
		other := pod.Spec.NodeName == "" || s.nodes.Unreachable(pod) || view.Ended() != ""
		switch {
		case pod.Namespace == s.refusing, pod.DeletionTimestamp != nil:
		case !view.Updated(), !other && (!view.Ready() || !view.Settled()):
			return false
		}
	}
	return true
}

// tooMany says so when more Pods are down because of us than may be.
func (s *simulation) tooMany() string {
	if len(s.taken) <= s.max {
		return ""
	}
	return fmt.Sprintf("%d Pods are down because of us, maxUnavailable is %d: %v\n%s", len(s.taken), s.max, s.taken, s.tail())
}

func (s *simulation) check() {
	s.T.Helper()
	if text := s.tooMany(); text != "" {
		s.T.Fatal(text)
	}
}

func TestSimulatedRollouts(t *testing.T) {
	const schedules = 1000
	for seed := range uint64(schedules) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := newSimulation(t, seed, guard{})
			for range 150 {
				s.step()
				s.check()
			}
			if !s.settle() {
				t.Fatalf("does not converge:\n%s", s.tail())
			}
		})
	}
}

// A simulation that finds nothing might look at nothing: without one of the guards it has to find that too many Pods
// are down.
func TestTheSimulationFindsWhatGuardsPrevent(t *testing.T) {
	for name, without := range map[string]guard{
		"the record that a Pod served":   {record: true},
		"the look at the nodes of Pods":  {nodes: true},
		"the doubt about failing writes": {doubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(300) {
				s := newSimulation(t, seed, without)
				for range 150 {
					if s.step(); s.tooMany() != "" {
						return
					}
				}
			}
			t.Error("300 schedules without it, and never too many Pods down")
		})
	}
}
