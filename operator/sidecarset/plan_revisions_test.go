// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// history is a plan for revisions in short.
type history struct {
	Create, Change bool
	Number         int64
	CustomVersion  string
	Delete         int
}

func historyOf(p RevisionPlan) history {
	h := history{Create: p.Create != nil, Change: p.Change != nil, Delete: len(p.Delete)}
	for _, r := range []*appsv1.ControllerRevision{p.Create, p.Change} {
		if r != nil {
			h.Number, h.CustomVersion = r.Revision, r.Labels[v1beta1.SidecarSetCustomVersionLabel]
		}
	}
	return h
}

func TestRevisionPlans(t *testing.T) {
	limit := func(n int32) *build.SidecarSetBuilder {
		return build.MakeSidecarSet("s").Spec(func(s *v1beta1.SidecarSetSpec) { s.RevisionHistoryLimit = &n })
	}
	versions := func(t *testing.T, set *build.SidecarSetBuilder, pods int, images ...string) *rollout {
		w := newRollout(t, pods, set)
		for _, image := range images {
			w.image(image).record()
		}
		return w
	}
	for name, test := range map[string]struct {
		rollout func(t *testing.T) *rollout
		want    history
	}{
		"a recorded version needs nothing": {
			func(t *testing.T) *rollout { return newRollout(t, 0, build.MakeSidecarSet("s")) }, history{}},
		"a new version is recorded": {
			func(t *testing.T) *rollout { return newRollout(t, 0, build.MakeSidecarSet("s")).image("agent:2") }, history{Create: true, Number: 2}},
		"a change of the strategy is no version": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, build.MakeSidecarSet("s"))
				w.set = w.set.DeepCopy()
				w.set.Spec.UpdateStrategy.Paused = true
				return w
			}, history{}},
		"going back makes the old revision the newest": {
			func(t *testing.T) *rollout {
				return versions(t, build.MakeSidecarSet("s"), 0, "agent:2", "agent:3").image("agent:1")
			}, history{Change: true, Number: 4}},
		"a custom version is a label of the revision": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, build.MakeSidecarSet("s"))
				w.set = w.set.DeepCopy()
				w.set.Spec.CustomVersion = "lts"
				return w
			}, history{Change: true, Number: 1, CustomVersion: "lts"}},
		"a v1alpha1 custom version is a label of the set": {
			func(t *testing.T) *rollout {
				w := newRollout(t, 0, build.MakeSidecarSet("s")).image("agent:2")
				w.set.Labels = map[string]string{v1beta1.SidecarSetCustomVersionLabel: "v7"}
				return w
			}, history{Create: true, Number: 2, CustomVersion: "v7"}},
		"the oldest are forgotten beyond the limit": {
			func(t *testing.T) *rollout { return versions(t, limit(2), 0, "agent:2", "agent:3", "agent:4") }, history{Delete: 2}},
		"at least the current one is kept": {
			func(t *testing.T) *rollout { return versions(t, limit(0), 0, "agent:2") }, history{Delete: 1}},
		"a version that a Pod runs is kept": {
			func(t *testing.T) *rollout { return versions(t, limit(1), 1, "agent:2", "agent:3") }, history{Delete: 1}},
		"a version that injection is pinned to is kept": {
			func(t *testing.T) *rollout {
				w := versions(t, limit(1), 0, "agent:2", "agent:3")
				w.set = w.set.DeepCopy()
				w.set.Spec.InjectionStrategy.Revision = &v1beta1.SidecarSetInjectRevision{RevisionName: ptr.To(w.revisions[1].Name)}
				return w
			}, history{Delete: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := planRevisions(test.rollout(t).snapshot())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, historyOf(plan)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANameThatIsTakenByOtherDataIsACollision(t *testing.T) {
	w := newRollout(t, 0, build.MakeSidecarSet("s")).image("agent:2")
	first, err := planRevisions(w.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	w.revisions = append(w.revisions, &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: first.Current}, Revision: 2})
	second, err := planRevisions(w.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if second.Current == first.Current || ptr.Deref(second.Collisions, 0) != 1 {
		t.Errorf("named %s after a collision with %s, %d collisions", second.Current, first.Current, ptr.Deref(second.Collisions, 0))
	}
}

// What a tool that syncs from Git writes on a SidecarSet must not make the revision look like one of its own objects.
func TestRevisionsCarryOurMetadataOnly(t *testing.T) {
	w := newRollout(t, 0, build.MakeSidecarSet("s")).image("agent:2")
	w.set.Labels = map[string]string{"app.kubernetes.io/instance": "argo"}
	w.set.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "x"}
	plan, err := planRevisions(w.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for key := range plan.Create.Labels {
		got = append(got, key)
	}
	for key := range plan.Create.Annotations {
		got = append(got, key)
	}
	want := []string{"controller.kubernetes.io/hash", "kruise.io/sidecarset-hash", "kruise.io/sidecarset-hash-without-image", "kruise.io/sidecarset-name"}
	if diff := cmp.Diff(want, sorted(got)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if owner := metav1.GetControllerOf(plan.Create); owner == nil || owner.UID != w.set.UID {
		t.Errorf("owner %+v", owner)
	}
}
