// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/apply"
)

// world is a cluster with one set, web, and the operator. The operator's own code runs in it from the snapshot to the
// status; what it reads comes from a cache, what it writes goes through patches.
type world struct {
	*cluster
	cache    *fakeCache
	writer   *fakeWriter
	gatherer gatherer
	executor executor
	log      []string
}

// storeClock tells the time of a store.
type storeClock struct {
	clock.PassiveClock
	store *store
}

// Now is the store's time.
func (c storeClock) Now() time.Time { return c.store.now }

// newWorld has a set and no Pods yet. StorageClass standard can grow claims, fixed cannot, and unsaid does not say.
func newWorld(t testing.TB, set *build.StatefulSetBuilder) *world {
	s, cache := newStore(t), newCache(t)
	s.watch = cache.hear
	w := &world{
		cluster: &cluster{store: s, lost: map[string]bool{}, flaky: map[types.UID]bool{}},
		cache:   cache, writer: &fakeWriter{store: s},
	}
	for name, grows := range map[string]*bool{"standard": ptr.To(true), "fixed": ptr.To(false), "unsaid": nil} {
		s.add(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, AllowVolumeExpansion: grows})
	}
	s.add(set.Obj().DeepCopy())
	w.restart()
	return w
}

// restart starts the operator anew: what it remembered is lost, and its cache begins with what is.
func (w *world) restart() {
	w.gatherer = gatherer{reader: w.cache, clock: storeClock{store: w.store}, canResize: true, templates: newTemplates(), memory: newMemory()}
	w.executor = executor{writer: w.writer, live: liveReader{store: w.store}, parallel: 1}
	w.cache.sync()
}

func (w *world) say(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *world) snapshot() *Snapshot {
	w.t.Helper()
	s, err := w.gatherer.snapshot(context.Background(), client.ObjectKey{Namespace: "default", Name: "web"})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// plan decides on all that there is.
func (w *world) plan() *Plan {
	w.t.Helper()
	w.cache.sync()
	plan, err := makePlan(w.snapshot())
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// reconcile is one look of the operator at what its cache shows.
func (w *world) reconcile(ctx context.Context) (*Plan, *Outcome) {
	w.t.Helper()
	return w.act(ctx, w.snapshot())
}

// act decides and carries out.
func (w *world) act(ctx context.Context, s *Snapshot) (*Plan, *Outcome) {
	w.t.Helper()
	plan, err := makePlan(s)
	if err != nil {
		w.t.Fatal(err)
	}
	outcome := w.executor.apply(ctx, s.Set, plan)
	w.gatherer.memory.note(client.ObjectKeyFromObject(s.Set), outcome, s.Now)
	status, _ := makeStatus(s, plan, outcome)
	if _, err := w.writeStatus(ctx, s.Set, status); err != nil && !apply.IsStale(err) {
		outcome.UpdateErrors = append(outcome.UpdateErrors, err)
	}
	return plan, outcome
}

func (w *world) writeStatus(ctx context.Context, set *v1beta1.StatefulSet, status *v1beta1.StatefulSetStatus) (bool, error) {
	updated := set.DeepCopy()
	updated.Status = *status
	return apply.Status(ctx, w.writer.Status(), set, updated, apply.FirstStatus(set.Status.Conditions))
}

// pass is a look at all that there is, in which nothing may go wrong. It reports whether anything was written but the
// status, and when something is due though nothing happens.
func (w *world) pass() (wrote bool, due time.Duration) {
	w.t.Helper()
	w.cache.sync()
	w.writer.requests = nil
	plan, outcome := w.reconcile(context.Background())
	if err := outcome.Err(); err != nil {
		w.t.Fatalf("%v after\n%s", err, w.tail())
	}
	w.sayPlan(plan)
	return slices.ContainsFunc(w.writer.requests, func(r request) bool { return r.Kind != setKind }), plan.RequeueAfter
}

func (w *world) sayPlan(plan *Plan) {
	for _, line := range plan.lines() {
		w.say("  %s", w.short(line))
	}
	if plan.Rollout.Hold != HoldNone {
		w.say("  rollout: %s", plan.Rollout.Hold)
	}
}

// lines are all actions of a plan as text, in the order in which they are begun.
func (p *Plan) lines() (out []string) {
	add := func(action fmt.Stringer) { out = append(out, action.String()) }
	for _, o := range p.Own {
		add(o)
	}
	for _, c := range p.Claims {
		add(c)
	}
	for _, d := range p.Delete {
		add(d)
		for _, c := range d.Claims {
			add(c)
		}
	}
	for _, c := range p.Change {
		add(c)
	}
	for _, c := range p.Create {
		add(c)
	}
	for _, b := range p.Blocked {
		out = append(out, "blocked: "+b.Why)
	}
	return out
}

// short names revisions r1, r2, ... by their age.
func (w *world) short(text string) string {
	for _, r := range w.recorded() {
		text = strings.ReplaceAll(text, r.Name, w.revisionName(r.Name))
	}
	return text
}

func (w *world) recorded() []*appsv1.ControllerRevision {
	var out []*appsv1.ControllerRevision
	for _, object := range w.objects[revisionKind] {
		out = append(out, object.(*appsv1.ControllerRevision))
	}
	slices.SortFunc(out, func(a, b *appsv1.ControllerRevision) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// revisionName is the image of a revision's first container, which is what tests change.
func (w *world) revisionName(name string) string {
	object, ok := w.objects[revisionKind][name].(*appsv1.ControllerRevision)
	if !ok {
		return name
	}
	r := readTemplate(object)
	if r.Template == nil {
		return name
	}
	if _, restarted := r.Template.Annotations[v1beta1.RestartedAtAnnotation]; restarted {
		return "<" + r.Template.Spec.Containers[0].Image + " restarted>"
	}
	return "<" + r.Template.Spec.Containers[0].Image + ">"
}

// edit is a person who changes the set.
func (w *world) edit(what string, change func(spec *v1beta1.StatefulSetSpec)) {
	w.t.Helper()
	w.say("person: %s", what)
	after := w.set("web").DeepCopy()
	change(&after.Spec)
	after.Generation++
	w.put(setKind, after)
}

func (w *world) image(image string) {
	w.t.Helper()
	w.edit("image "+image, func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = image })
}

func (w *world) rolling(what string, change func(rolling *v1beta1.RollingUpdateStatefulSetStrategy)) {
	w.t.Helper()
	w.edit(what, func(spec *v1beta1.StatefulSetSpec) { change(spec.UpdateStrategy.RollingUpdate) })
}

func (w *world) replicas(count int32) {
	w.t.Helper()
	w.edit(fmt.Sprintf("replicas %d", count), func(spec *v1beta1.StatefulSetSpec) { spec.Replicas = &count })
}

// nodes lets the scheduler, kubelets, volumes and the garbage collector go on until none of them has anything to do,
// and reports whether anything happened.
func (w *world) nodes() (done bool) {
	for range 20 {
		said := slices.Concat(w.collect(), w.volumes())
		for _, pod := range w.pods() {
			if text := w.kubelet(pod.Name); text != "" {
				said = append(said, text)
			}
		}
		for _, text := range said {
			w.say("%s", text)
			done = true
		}
		if len(said) == 0 {
			return done
		}
	}
	w.t.Fatalf("the nodes do not come to rest:\n%s", w.tail())
	return done
}

// roll goes on until nothing happens any more. Time passes only until something is due.
func (w *world) roll() {
	w.t.Helper()
	for range 100 {
		wrote, due := w.pass()
		w.sayPods()
		if w.nodes() || wrote {
			continue
		}
		if due == 0 {
			return
		}
		w.say("%.0f s later", due.Seconds())
		w.now = w.now.Add(due)
	}
	w.t.Fatalf("does not come to rest:\n%s", w.tail())
}

// sayPods tells how every Pod is, as the operator sees it.
func (w *world) sayPods() {
	w.cache.sync()
	var out []string
	for _, view := range w.snapshot().Pods {
		out = append(out, fmt.Sprintf("%d %s %s", view.Ordinal, w.revisionName(view.Revision), state(view)))
	}
	w.say("  = %s", strings.Join(out, ", "))
}

func (w *world) tail() string { return strings.Join(w.log[max(0, len(w.log)-60):], "\n") }

// settled starts a world whose set has all its Pods.
func settled(t testing.TB, set *build.StatefulSetBuilder) *world {
	t.Helper()
	w := newWorld(t, set)
	w.roll()
	for _, view := range w.snapshot().Pods {
		if !view.Available {
			t.Fatalf("Pod %s: %s\n%s", view.Pod.Name, state(view), w.tail())
		}
	}
	w.log, w.writer.requests = nil, nil
	return w
}
