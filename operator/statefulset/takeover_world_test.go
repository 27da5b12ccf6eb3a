// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

// What OpenKruise wrote into a cluster: just after its sets were created, and in the middle of their rollouts.
const (
	created = "created"
	midway  = "midway"
)

// recordedAt is when the rollouts of midway began.
var recordedAt = time.Date(2026, 11, 22, 12, 1, 56, 0, time.UTC)

// takeover is a cluster in memory that holds recorded objects, as the controller's cache would show them.
type takeover struct {
	t       *testing.T
	client  client.WithWatch
	clock   *clocktesting.FakePassiveClock
	gather  *gatherer
	execute *executor
}

// recording reads the recorded objects of a phase, as the controller's cache keeps them.
func recording(t *testing.T, phase string) (out []client.Object) {
	t.Helper()
	sets := read[v1beta1.StatefulSetList](t, "../../api", phase+"-statefulsets.json")
	for i := range sets.Items {
		out = append(out, &sets.Items[i])
	}
	pods := read[corev1.PodList](t, "../../internal/sidecar", phase+"-pods.json")
	for i := range pods.Items {
		out = append(out, trimmed(t, podcache.Trim, &pods.Items[i]))
	}
	revisions := read[appsv1.ControllerRevisionList](t, "../../internal/sidecar", phase+"-revisions.json")
	for i := range revisions.Items {
		out = append(out, trimmed(t, TrimRevision, &revisions.Items[i]))
	}
	return out
}

func read[T any](t *testing.T, room, file string) *T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.FromSlash(room), "testdata", "openkruise", file))
	if err != nil {
		t.Fatal(err)
	}
	list := new(T)
	if err := json.Unmarshal(data, list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return list
}

func trimmed(t *testing.T, transform func(any) (any, error), object client.Object) client.Object {
	t.Helper()
	out, err := transform(object)
	if err != nil {
		t.Fatal(err)
	}
	return out.(client.Object)
}

// takeOver loads a phase, with every object changed before, and lets some time pass since recordedAt.
func takeOver(t *testing.T, phase string, passed time.Duration, changes ...func(client.Object)) *takeover {
	t.Helper()
	builder := indexingBuilder{fake.NewClientBuilder().WithScheme(program.Scheme()).WithStatusSubresource(&corev1.Pod{}, &v1beta1.StatefulSet{})}
	if err := AddIndexes(t.Context(), builder); err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]func(metav1.Object) []string{
		podcache.ControllerIndex: podcache.ControllerUID, podcache.OrphanIndex: podcache.OrphanParent,
	} {
		builder.WithIndex(&corev1.Pod{}, name, func(object client.Object) []string { return keys(object) })
	}
	objects := recording(t, phase)
	for _, object := range objects {
		for _, change := range changes {
			change(object)
		}
	}
	cluster := builder.WithObjects(objects...).Build()
	clock := clocktesting.NewFakePassiveClock(recordedAt.Add(passed))
	return &takeover{
		t: t, client: cluster, clock: clock,
		gather:  &gatherer{reader: cluster, clock: clock, canResize: true, templates: newTemplates(), memory: newMemory()},
		execute: &executor{writer: cluster, live: cluster, parallel: 1},
	}
}

// indexingBuilder lets the controller's own indexes be added to a fake client.
type indexingBuilder struct{ *fake.ClientBuilder }

func (b indexingBuilder) IndexField(_ context.Context, object client.Object, field string, extract client.IndexerFunc) error {
	b.WithIndex(object, field, extract)
	return nil
}

// at lets the time be some while after recordedAt.
func (w *takeover) at(passed time.Duration) *takeover {
	w.clock.SetTime(recordedAt.Add(passed))
	return w
}

// plan decides about a set.
func (w *takeover) plan(name string) (*Snapshot, *Plan) {
	w.t.Helper()
	s, err := w.gather.snapshot(w.t.Context(), client.ObjectKey{Namespace: "golden", Name: name})
	if err != nil || s == nil {
		w.t.Fatalf("snapshot of %s: %v, %v", name, s, err)
	}
	plan, err := makePlan(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return s, plan
}

// step decides about a set, carries that out, and returns what was written.
func (w *takeover) step(name string) []string {
	w.t.Helper()
	s, plan := w.plan(name)
	outcome := w.execute.apply(w.t.Context(), s.Set, plan)
	if err := outcome.Err(); err != nil || outcome.Stale > 0 {
		w.t.Fatalf("carry out the plan for %s: %d stale, %v", name, outcome.Stale, err)
	}
	return w.writes(plan)
}

// writes renders all that a plan would write.
func (w *takeover) writes(plan *Plan) []string {
	w.t.Helper()
	var out []string
	note := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if plan.Revisions.Create != nil {
		note("create revision %s", plan.Revisions.Create.Name)
	}
	for _, c := range plan.Revisions.Change {
		note("change revision %s", c.New.Name)
	}
	for _, r := range plan.Revisions.Delete {
		note("delete revision %s", r.Name)
	}
	for _, o := range plan.Own {
		note("%s", o)
	}
	for _, d := range plan.Delete {
		note("%s", d)
	}
	for _, c := range plan.Claims {
		note("%s", c)
	}
	for _, c := range plan.Create {
		note("%s", c)
	}
	for _, c := range plan.Change {
		for _, condition := range c.Conditions {
			note("%s: condition %s=%s", c.View.Pod.Name, condition.Type, describe(condition))
		}
		if !c.Resize.Empty() {
			note("%s: resize", c.View.Pod.Name)
		}
		out = append(out, w.operations(c)...)
	}
	return out
}

// describe renders a condition with the reason that it gives to programs: in a word, or as the wire's JSON.
func describe(c corev1.PodCondition) string {
	return strings.TrimSpace(string(c.Status) + " " + cmp.Or(c.Reason, c.Message))
}

// operations renders what a patch of a Pod changes, its tests left out.
func (w *takeover) operations(c ChangePod) (out []string) {
	w.t.Helper()
	if c.Patch.Empty() {
		return nil
	}
	data, err := c.Patch.JSON()
	if err != nil {
		w.t.Fatal(err)
	}
	var operations []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(data, &operations); err != nil {
		w.t.Fatal(err)
	}
	for _, o := range operations {
		if o.Op != "test" {
			out = append(out, strings.TrimSuffix(fmt.Sprintf("%s: %s %s %v", c.View.Pod.Name, o.Op, o.Path, o.Value), " <nil>"))
		}
	}
	return out
}

// pod changes a Pod, status included.
func (w *takeover) pod(name string, change func(*corev1.Pod)) *corev1.Pod {
	w.t.Helper()
	pod := &corev1.Pod{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "golden", Name: name}, pod); err != nil {
		w.t.Fatal(err)
	}
	change(pod)
	status := pod.Status.DeepCopy()
	if err := w.client.Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	pod.Status = *status
	if err := w.client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	return pod
}

// kubelet runs what a Pod's spec says, and reports whether its readiness gates let it be Ready.
func (w *takeover) kubelet(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.pod(name, func(pod *corev1.Pod) {
			build.RunContainers(pod)
			ready := !pods.IsFalse(pods.Condition(pod, v1beta1.InPlaceUpdateReadyCondition)) && !pods.IsFalse(pods.Condition(pod, v1beta1.KruisePodReadyCondition))
			build.SetReady(pod, ready, w.clock.Now())
		})
	}
}
