// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func compile(t *testing.T, b *build.SchedPatchBuilder) *schedpatch.Patch {
	t.Helper()
	patch, err := schedpatch.Compile(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return patch
}

func ssd(name string) *build.SchedPatchBuilder {
	return build.MakeSchedPatch(name).NodeSelector("disk", "ssd")
}

func TestHashIsOfTheRulesAlone(t *testing.T) {
	hash := compile(t, ssd("p")).Hash()
	for name, tc := range map[string]struct {
		patch *build.SchedPatchBuilder
		want  bool
	}{
		"the name does not count":         {ssd("other"), true},
		"the priority does not count":     {ssd("p").Priority(7), true},
		"the mode does not count":         {ssd("p").Preview(), true},
		"the end does not count":          {ssd("p").TTL(time.Hour), true},
		"maxPods does not count":          {ssd("p").MaxPods(3), true},
		"a toleration counts":             {ssd("p").Toleration("gpu"), false},
		"a node label counts":             {ssd("p").NodeSelector("zone", "a"), false},
		"the value of a node label does":  {build.MakeSchedPatch("p").NodeSelector("disk", "hdd"), false},
		"a term of the node affinity too": {ssd("p").RequiredTerm(corev1.NodeSelectorRequirement{Key: "zone", Operator: "Exists"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := compile(t, tc.patch).Hash() == hash; got != tc.want {
				t.Errorf("equal hashes: %t, want %t", got, tc.want)
			}
		})
	}
	if errs := validation.IsValidLabelValue(hash); len(errs) > 0 || len(hash) != 10 {
		t.Errorf("hash %q is no label value of 10 characters: %v", hash, errs)
	}
}

func TestWhenAPatchIsActive(t *testing.T) {
	at := metav1.NewTime(build.Epoch.Add(30 * time.Second))
	end := func(after time.Duration) func(*v1alpha1.SchedPatchSpec) {
		return func(spec *v1alpha1.SchedPatchSpec) { spec.ExpiresAt = &metav1.Time{Time: build.Epoch.Add(after)} }
	}
	for name, tc := range map[string]struct {
		patch *build.SchedPatchBuilder
		want  bool
	}{
		"without an end":                   {ssd("p"), true},
		"before its ttl is over":           {ssd("p").TTL(31 * time.Second), true},
		"at the moment its ttl is over":    {ssd("p").TTL(30 * time.Second), false},
		"before expiresAt":                 {ssd("p").Spec(end(31 * time.Second)), true},
		"after expiresAt":                  {ssd("p").Spec(end(29 * time.Second)), false},
		"not in mode Preview":              {ssd("p").Preview(), false},
		"in a mode that nobody has filled": {ssd("p").Spec(func(spec *v1alpha1.SchedPatchSpec) { spec.Mode = "" }), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := compile(t, tc.patch).ActiveAt(at); got != tc.want {
				t.Errorf("active: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestLabelKeyIsAlwaysAValidOne(t *testing.T) {
	long := strings.Repeat("n", 64)
	for name, tc := range map[string]struct{ name, want string }{
		"a short name is seen in it":     {"avoid-node-7", "sched-patch.apps.kruise.io/avoid-node-7"},
		"63 characters still fit":        {long[:63], "sched-patch.apps.kruise.io/" + long[:63]},
		"a longer name is there by hash": {long, "sched-patch.apps.kruise.io/ce068a195ab380a813c713035ed74921acee4d3b"},
	} {
		t.Run(name, func(t *testing.T) {
			got := schedpatch.LabelKey(tc.name)
			if errs := validation.IsQualifiedName(got); len(errs) > 0 {
				t.Errorf("%s: %v", got, errs)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	a, b := compile(t, ssd("a")), compile(t, ssd("b").Toleration("gpu"))
	result := func(patch *schedpatch.Patch, outcome schedpatch.Outcome) schedpatch.Result {
		return schedpatch.Result{Patch: patch, Outcome: outcome}
	}
	const key = "apps.kruise.io/sched-patches"
	for name, tc := range map[string]struct {
		annotation     string
		results        []schedpatch.Result
		wantAnnotation string
		wantLabels     map[string]string
	}{
		"nothing is applied": {
			annotation: "x@1", results: []schedpatch.Result{result(a, schedpatch.OutcomeSkipped), result(b, schedpatch.OutcomeRejected)},
		},
		"two are applied": {
			results:        []schedpatch.Result{result(b, schedpatch.OutcomeApplied), result(a, schedpatch.OutcomeApplied)},
			wantAnnotation: "b@" + b.Hash() + ",a@" + a.Hash(),
			wantLabels:     map[string]string{"sched-patch.apps.kruise.io/a": a.Hash(), "sched-patch.apps.kruise.io/b": b.Hash()},
		},
		"others stay, and an older version is replaced": {
			annotation: "x@1,a@0000000000,y@2", results: []schedpatch.Result{result(a, schedpatch.OutcomeApplied)},
			wantAnnotation: "x@1,a@" + a.Hash() + ",y@2",
			wantLabels:     map[string]string{"sched-patch.apps.kruise.io/a": a.Hash()},
		},
		"what is no mark is dropped": {
			annotation: "nonsense,@,x@,@1,,x@1", results: []schedpatch.Result{result(a, schedpatch.OutcomeApplied)},
			wantAnnotation: "x@1,a@" + a.Hash(),
			wantLabels:     map[string]string{"sched-patch.apps.kruise.io/a": a.Hash()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			annotation, labels := schedpatch.Marks(map[string]string{key: tc.annotation}, tc.results)
			if diff := cmp.Diff(tc.wantAnnotation, annotation); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.wantLabels, labels); diff != "" {
				t.Error(diff)
			}
		})
	}
	carried := map[string]string{key: "x@1,a@" + a.Hash()}
	if !a.Carries(carried) || b.Carries(carried) {
		t.Errorf("a is carried: %t, b is: %t", a.Carries(carried), b.Carries(carried))
	}
	want := []schedpatch.Mark{{Name: "x", Hash: "1"}, {Name: "a", Hash: a.Hash()}}
	if diff := cmp.Diff(want, schedpatch.Applied(carried)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestExempt(t *testing.T) {
	yes := true
	owned := func(kind string) *corev1.Pod {
		pod := build.MakePod("p").New().Obj()
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: "o", Controller: &yes}}
		return pod
	}
	for name, tc := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"an ordinary Pod is not":  {owned("ReplicaSet"), false},
		"a Pod of nobody is not":  {build.MakePod("p").New().Obj(), false},
		"a Pod that has its node": {build.MakePod("p").Obj(), true},
		"a mirror Pod":            {build.MakePod("p").New().Annotation(corev1.MirrorPodAnnotationKey, "x").Obj(), true},
		"a Pod of a DaemonSet":    {owned("DaemonSet"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := schedpatch.Exempt(tc.pod); got != tc.want {
				t.Errorf("exempt: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestMayOwnThrough(t *testing.T) {
	kind := func(group, kind string) schema.GroupKind { return schema.GroupKind{Group: group, Kind: kind} }
	replicaSet, job := kind("apps", "ReplicaSet"), kind("batch", "Job")
	for name, tc := range map[string]struct {
		target, owner schema.GroupKind
		want          bool
	}{
		"a Deployment through a ReplicaSet":          {kind("apps", "Deployment"), replicaSet, true},
		"a CronJob through a Job":                    {kind("batch", "CronJob"), job, true},
		"no Deployment through a Job":                {kind("apps", "Deployment"), job, false},
		"no StatefulSet through anything":            {kind("apps", "StatefulSet"), replicaSet, false},
		"nor ours":                                   {kind("apps.kruise.io", "StatefulSet"), replicaSet, false},
		"a kind of somebody else through ReplicaSet": {kind("argoproj.io", "Rollout"), replicaSet, true},
		"and through another kind of theirs":         {kind("x.example", "Fleet"), kind("x.example", "Ship"), true},
		"but not through itself":                     {kind("x.example", "Fleet"), kind("x.example", "Fleet"), false},
		"a Deployment of another group is theirs":    {kind("x.example", "Deployment"), job, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := schedpatch.MayOwnThrough(tc.target, tc.owner); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
