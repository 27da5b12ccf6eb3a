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
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// world is a cluster with one set, web, and the operator. The operator's own code runs in it from the snapshot to the
// status; what it reads comes from a cache, what it writes goes through patches.
type world struct {
	*cluster.Nodes
	cache    *cluster.Cache
	writer   *cluster.Client
	gatherer gatherer
	executor executor
	log      []string
}

// newWorld has a set and no Pods yet. StorageClass standard can grow claims, fixed cannot, and unsaid does not say.
func newWorld(t testing.TB, set *build.StatefulSetBuilder) *world {
	s := cluster.NewStore(t)
	w := &world{Nodes: cluster.NewNodes(s), cache: newCache(s), writer: &cluster.Client{Store: s}}
	for name, grows := range map[string]*bool{"standard": ptr.To(true), "fixed": ptr.To(false), "unsaid": nil} {
		s.Add(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, AllowVolumeExpansion: grows})
	}
	s.Add(set.Obj().DeepCopy())
	w.restart()
	return w
}

// newCache is the controller's cache.
func newCache(s *cluster.Store) *cluster.Cache {
	s.T.Helper()
	cache := cluster.NewCache(s, TrimClaim, TrimRevision)
	if err := AddIndexes(s.T.Context(), cache); err != nil {
		s.T.Fatal(err)
	}
	return cache
}

// restart starts the operator anew: what it remembered is lost, and its cache begins with what is.
func (w *world) restart() {
	w.gatherer = gatherer{
		reader: w.cache, clock: w.Clock, canResize: true, templates: newTemplates(), memory: newMemory(),
		ledger: ledger.New(), waiters: ledger.NewWaiters(),
	}
	w.executor = executor{writer: w.writer, live: w.Live(), parallel: 1}
	w.cache.Sync()
}

// key is that of an object of the set.
func key(name string) cluster.Key { return cluster.Key{Namespace: "default", Name: name} }

func (w *world) pod(name string) *corev1.Pod { return w.Pod(key(name)) }

func (w *world) set(name string) *v1beta1.StatefulSet {
	return cluster.Get[*v1beta1.StatefulSet](w.Store, cluster.StatefulSet, key(name))
}

func (w *world) claim(name string) *corev1.PersistentVolumeClaim {
	return cluster.Get[*corev1.PersistentVolumeClaim](w.Store, cluster.Claim, key(name))
}

func (w *world) claims() []*corev1.PersistentVolumeClaim {
	return cluster.All[*corev1.PersistentVolumeClaim](w.Store, cluster.Claim)
}

func (w *world) changePod(name string, change func(pod *corev1.Pod)) {
	w.T.Helper()
	w.ChangePod(key(name), change)
}

func (w *world) changeClaim(name string, change func(claim *corev1.PersistentVolumeClaim)) {
	w.T.Helper()
	cluster.Change(w.Store, cluster.Claim, key(name), change)
}

func (w *world) remove(kind, name string) { w.Remove(kind, key(name)) }

func (w *world) deletePod(name string) { w.Delete(cluster.Pod, key(name)) }

func (w *world) say(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *world) snapshot() *Snapshot {
	w.T.Helper()
	s, err := w.gatherer.snapshot(context.Background(), client.ObjectKey{Namespace: "default", Name: "web"})
	if err != nil {
		w.T.Fatal(err)
	}
	return s
}

// plan decides on all that there is.
func (w *world) plan() *Plan {
	w.T.Helper()
	w.cache.Sync()
	plan, err := makePlan(w.snapshot())
	if err != nil {
		w.T.Fatal(err)
	}
	return plan
}

// reconcile is one look of the operator at what its cache shows.
func (w *world) reconcile(ctx context.Context) (*Plan, *Outcome) {
	w.T.Helper()
	return w.act(ctx, w.snapshot())
}

// act decides and carries out.
func (w *world) act(ctx context.Context, s *Snapshot) (*Plan, *Outcome) {
	w.T.Helper()
	plan, err := makePlan(s)
	if err != nil {
		w.T.Fatal(err)
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
	w.T.Helper()
	w.cache.Sync()
	w.writer.Requests = nil
	plan, outcome := w.reconcile(context.Background())
	if err := outcome.Err(); err != nil {
		w.T.Fatalf("%v after\n%s", err, w.tail())
	}
	w.sayPlan(plan)
	return slices.ContainsFunc(w.writer.Requests, func(r cluster.Request) bool { return r.Kind != cluster.StatefulSet }), plan.RequeueAfter
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
	return cluster.All[*appsv1.ControllerRevision](w.Store, cluster.Revision)
}

// revisionName is the image of a revision's first container, which is what tests change.
func (w *world) revisionName(name string) string {
	object := cluster.Get[*appsv1.ControllerRevision](w.Store, cluster.Revision, key(name))
	if object == nil {
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
	w.T.Helper()
	w.say("person: %s", what)
	after := w.set("web").DeepCopy()
	change(&after.Spec)
	after.Generation++
	w.Put(after)
}

func (w *world) image(image string) {
	w.T.Helper()
	w.edit("image "+image, func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = image })
}

func (w *world) rolling(what string, change func(rolling *v1beta1.RollingUpdateStatefulSetStrategy)) {
	w.T.Helper()
	w.edit(what, func(spec *v1beta1.StatefulSetSpec) { change(spec.UpdateStrategy.RollingUpdate) })
}

func (w *world) replicas(count int32) {
	w.T.Helper()
	w.edit(fmt.Sprintf("replicas %d", count), func(spec *v1beta1.StatefulSetSpec) { spec.Replicas = &count })
}

// nodes lets the scheduler, kubelets, volumes and the garbage collector go on until none of them has anything to do,
// and reports whether anything happened.
func (w *world) nodes() (done bool) {
	for range 20 {
		said := slices.Concat(w.Collect(cluster.Claim), w.Volumes())
		for _, pod := range w.Pods() {
			if text := w.Kubelet(key(pod.Name)); text != "" {
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
	w.T.Fatalf("the nodes do not come to rest:\n%s", w.tail())
	return done
}

// roll goes on until nothing happens any more. Time passes only until something is due.
func (w *world) roll() {
	w.T.Helper()
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
		w.Pass(due)
	}
	w.T.Fatalf("does not come to rest:\n%s", w.tail())
}

// sayPods tells how every Pod is, as the operator sees it.
func (w *world) sayPods() {
	w.cache.Sync()
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
	w.Add(cluster.MakeNode("node-1", nil)) // where all Pods came to
	for _, view := range w.snapshot().Pods {
		if !view.Available {
			t.Fatalf("Pod %s: %s\n%s", view.Pod.Name, state(view), w.tail())
		}
	}
	w.log, w.writer.Requests = nil, nil
	return w
}
