// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// What OpenKruise wrote into a cluster: just after its sets were created, and in the middle of their rollouts.
const (
	created = "created"
	midway  = "midway"
)

// recordedAt is when the rollouts of midway began.
var recordedAt = time.Date(2026, 11, 22, 12, 1, 56, 0, time.UTC)

// takeover is a cluster that holds recorded objects.
type takeover struct {
	*cluster.Nodes
	cache   *cluster.Cache
	gather  *gatherer
	execute *executor
}

// recording reads the recorded objects of a phase.
func recording(t testing.TB, phase string) (out []client.Object) {
	t.Helper()
	sets := read[v1beta1.StatefulSetList](t, "../../api", phase+"-statefulsets.json")
	for i := range sets.Items {
		out = append(out, &sets.Items[i])
	}
	pods := read[corev1.PodList](t, "../../internal/sidecar", phase+"-pods.json")
	for i := range pods.Items {
		out = append(out, &pods.Items[i])
	}
	revisions := read[appsv1.ControllerRevisionList](t, "../../internal/sidecar", phase+"-revisions.json")
	for i := range revisions.Items {
		out = append(out, &revisions.Items[i])
	}
	return out
}

func read[T any](t testing.TB, room, file string) *T {
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

// takeOver loads a phase, with every object changed before, and lets some time pass since recordedAt.
func takeOver(t testing.TB, phase string, passed time.Duration, changes ...func(client.Object)) *takeover {
	t.Helper()
	s := cluster.NewStore(t)
	cache := newCache(s)
	for _, object := range recording(t, phase) {
		for _, change := range changes {
			change(object)
		}
		s.Add(object)
	}
	w := &takeover{
		Nodes: cluster.NewNodes(s), cache: cache,
		gather:  &gatherer{reader: cache, clock: s.Clock, canResize: true, templates: newTemplates(), memory: newMemory()},
		execute: &executor{writer: &cluster.Client{Store: s}, live: s.Live(), parallel: 1},
	}
	return w.at(passed)
}

// at lets the time be some while after recordedAt.
func (w *takeover) at(passed time.Duration) *takeover {
	w.Clock.SetTime(recordedAt.Add(passed))
	return w
}

// plan decides about a set.
func (w *takeover) plan(name string) (*Snapshot, *Plan) {
	w.T.Helper()
	w.cache.Sync()
	s, err := w.gather.snapshot(w.T.Context(), recorded(name))
	if err != nil || s == nil {
		w.T.Fatalf("snapshot of %s: %v, %v", name, s, err)
	}
	plan, err := makePlan(s)
	if err != nil {
		w.T.Fatal(err)
	}
	return s, plan
}

// step decides about a set, carries that out, and returns what was written.
func (w *takeover) step(name string) []string {
	w.T.Helper()
	s, plan := w.plan(name)
	outcome := w.execute.apply(w.T.Context(), s.Set, plan)
	if err := outcome.Err(); err != nil || outcome.Stale > 0 {
		w.T.Fatalf("carry out the plan for %s: %d stale, %v", name, outcome.Stale, err)
	}
	return w.writes(plan)
}

// writes renders all that a plan would write.
func (w *takeover) writes(plan *Plan) []string {
	w.T.Helper()
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
	w.T.Helper()
	if c.Patch.Empty() {
		return nil
	}
	data, err := c.Patch.JSON()
	if err != nil {
		w.T.Fatal(err)
	}
	var operations []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(data, &operations); err != nil {
		w.T.Fatal(err)
	}
	for _, o := range operations {
		if o.Op != "test" {
			out = append(out, strings.TrimSuffix(fmt.Sprintf("%s: %s %s %v", c.View.Pod.Name, o.Op, o.Path, o.Value), " <nil>"))
		}
	}
	return out
}

// kubelet runs what Pods' specs say, and reports whether their readiness gates let them be Ready.
func (w *takeover) kubelet(names ...string) {
	for _, name := range names {
		for w.Kubelet(recorded(name)) != "" {
		}
	}
}

// recorded is the key of a recorded object.
func recorded(name string) cluster.Key { return cluster.Key{Namespace: "golden", Name: name} }
