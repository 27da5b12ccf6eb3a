// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
)

// lineage follows owners by their UID, and fails for unknown ones.
type lineage map[types.UID]*metav1.OwnerReference

func (l lineage) ControllerOf(_ context.Context, _ string, owner *metav1.OwnerReference) (*metav1.OwnerReference, error) {
	controller, known := l[owner.UID]
	if !known {
		return nil, errors.New("no route to the API server")
	}
	return controller, nil
}

// Exists holds for all owners but those that are forged.
func (l lineage) Exists(_ context.Context, _ string, owner *metav1.OwnerReference) (bool, error) {
	if owner.UID == "unreadable" {
		return false, errors.New("no route to the API server")
	}
	return owner.UID != "forged", nil
}

// places hands out a number of places, and counts those taken.
type places struct{ left, taken int }

func (p *places) Reserve(_ types.NamespacedName, maxPods int32, _ string, dryRun bool) (func(), error) {
	if p.left == 0 {
		return nil, patchedpods.FullError{MaxPods: maxPods}
	}
	if dryRun {
		return func() {}, nil
	}
	p.left--
	p.taken++
	return func() { p.left++; p.taken-- }, nil
}

func controller(apiVersion, kind, name, uid string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid), Controller: &yes}
}

// unreadable fails every read.
type unreadable struct{ client.Reader }

func (unreadable) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("no route to the API server")
}

// cartPod is a new Pod of ReplicaSet cart-1, which is of Deployment cart.
func cartPod() *build.PodBuilder {
	b := build.MakePod("p").Namespace("shop").New().Label("tier", "web")
	b.Obj().OwnerReferences = []metav1.OwnerReference{controller("apps/v1", "ReplicaSet", "cart-1", "rs")}
	return b
}

func ownedPod(owner metav1.OwnerReference) *build.PodBuilder {
	b := cartPod()
	b.Obj().OwnerReferences = []metav1.OwnerReference{owner}
	return b
}

func ssd(name string) *build.SchedPatchBuilder {
	return build.MakeSchedPatch(name).Namespace("shop").NodeSelector("disk", "ssd")
}

// scheduler is a handler that knows SchedPatches, and SidecarSets when there are any.
func scheduler(t *testing.T, free *places, patches ...*build.SchedPatchBuilder) *Handler {
	t.Helper()
	index := schedpatch.NewIndex()
	for _, b := range patches {
		patch, err := schedpatch.Compile(b.Obj())
		if err != nil {
			t.Fatal(err)
		}
		index.Put(patch)
	}
	deployment, cronJob := controller("apps/v1", "Deployment", "cart", "d"), controller("batch/v1", "CronJob", "night", "c")
	clock := clocktesting.NewFakePassiveClock(build.Epoch.Add(time.Minute))
	return &Handler{
		Sets: sidecar.NewIndex(), Clock: clock,
		Scheduling: &Scheduling{Index: index, Owners: lineage{"rs": &deployment, "job": &cronJob, "orphan": nil}, PatchedPods: free,
			Clock: clock},
	}
}

func hashOf(t *testing.T, b *build.SchedPatchBuilder) string {
	t.Helper()
	patch, err := schedpatch.Compile(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	return patch.Hash()
}

func TestWhichPodsArePatched(t *testing.T) {
	const unread = "it is not known whether ReplicaSet.apps cart-9 belongs to its target: no route to the API server"
	carries := said{Audit: map[string]string{"sched-patched": "p"}}
	selecting := func(tier string) func(*v1alpha1.SchedPatchSpec) {
		return func(spec *v1alpha1.SchedPatchSpec) {
			spec.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": tier}}
		}
	}
	for name, tc := range map[string]struct {
		patch *build.SchedPatchBuilder
		pod   *build.PodBuilder
		want  said
	}{
		"a Pod of the Deployment, through its ReplicaSet": {ssd("p"), cartPod(), carries},
		"a Pod of the ReplicaSet":                         {ssd("p").Target("apps/v1", "ReplicaSet", "cart-1"), cartPod(), carries},
		"a Pod of the CronJob, through its Job": {ssd("p").Target("batch/v1", "CronJob", "night"),
			ownedPod(controller("batch/v1", "Job", "night-1", "job")), carries},
		"a Pod of the Job": {ssd("p").Target("batch/v1", "Job", "once"),
			ownedPod(controller("batch/v1", "Job", "once", "o")), carries},
		"a Pod of the StatefulSet": {ssd("p").Target("apps/v1", "StatefulSet", "db"),
			ownedPod(controller("apps/v1", "StatefulSet", "db", "s")), carries},
		"a Pod of our StatefulSet, in any version": {ssd("p").Target("apps.kruise.io/v1alpha1", "StatefulSet", "db"),
			ownedPod(controller("apps.kruise.io/v1beta1", "StatefulSet", "db", "s")), carries},
		"a Pod of a foreign kind that owns Pods itself": {ssd("p").Target("x.example/v1", "Fleet", "f"),
			ownedPod(controller("x.example/v1", "Fleet", "f", "f")), carries},
		"a Pod that podSelector picks":       {ssd("p").Spec(selecting("web")), cartPod(), carries},
		"no Pod that podSelector leaves out": {ssd("p").Spec(selecting("db")), cartPod(), said{}},
		"no Pod of another Deployment":       {ssd("p").Target("apps/v1", "Deployment", "order"), cartPod(), said{}},
		"no Pod of a StatefulSet of another group": {ssd("p").Target("apps/v1", "StatefulSet", "db"),
			ownedPod(controller("apps.kruise.io/v1beta1", "StatefulSet", "db", "s")), said{}},
		"no Pod of a ReplicaSet without a Deployment": {ssd("p"), ownedPod(controller("apps/v1", "ReplicaSet", "cart-2", "orphan")), said{}},
		"no Pod of nobody, whatever its labels":       {ssd("p"), build.MakePod("p").Namespace("shop").New().Label("tier", "web"), said{}},
		"no Pod of another namespace":                 {ssd("p").Namespace("bank"), cartPod(), said{}},
		"no Pod in mode Preview":                      {ssd("p").Preview(), cartPod(), said{}},
		"no Pod after the end":                        {ssd("p").TTL(time.Minute), cartPod(), said{}},
		"no Pod that has its node": {ssd("p"),
			func() *build.PodBuilder { b := cartPod(); b.Obj().Spec.NodeName = "n"; return b }(), said{}},
		"no mirror Pod": {ssd("p"), cartPod().Annotation(corev1.MirrorPodAnnotationKey, "x"), said{}},
		"no Pod of a DaemonSet": {ssd("p").Target("x.example/v1", "Fleet", "f"),
			ownedPod(controller("apps/v1", "DaemonSet", "agent", "rs")), said{}},
		"no Pod whose owner cannot be followed, and says so": {ssd("p"), ownedPod(controller("apps/v1", "ReplicaSet", "cart-9", "unknown")), said{
			Warnings: []string{"SchedPatch p is not applied because " + unread}, Audit: map[string]string{"not-sched-patched": "p: " + unread}}},
		"no word of a patch that nothing could make fit": {ssd("p").Spec(selecting("db")),
			ownedPod(controller("apps/v1", "ReplicaSet", "cart-9", "unknown")), said{}},
		"no owner is followed where no patch asks for it": {ssd("p").Target("apps/v1", "StatefulSet", "db"),
			ownedPod(controller("apps/v1", "ReplicaSet", "cart-9", "unknown")), said{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, enforced := range []bool{false, true} {
				h := scheduler(t, &places{}, tc.patch)
				h.Enforced = enforced
				request := review(t, tc.pod.Obj())
				response := h.Handle(t.Context(), request)
				if !response.Allowed {
					t.Fatalf("denied: %+v", response.Result)
				}
				if diff := cmp.Diff(tc.want, said{response.Warnings, response.AuditAnnotations}); diff != "" {
					t.Errorf("the response says (-want +got):\n%s", diff)
				}
				want := tc.pod.Obj().DeepCopy()
				if _, ok := tc.want.Audit["sched-patched"]; ok {
					hash := hashOf(t, tc.patch)
					want.Spec.NodeSelector = map[string]string{"disk": "ssd"}
					metav1.SetMetaDataAnnotation(&want.ObjectMeta, "apps.kruise.io/sched-patches", "p@"+hash)
					metav1.SetMetaDataLabel(&want.ObjectMeta, "sched-patch.apps.kruise.io/p", hash)
				}
				if diff := cmp.Diff(want, patched(t, request, response)); diff != "" {
					t.Errorf("Pod (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// full has every rule that a patch can add to.
const full = `{
	"nodeSelector": {"zone": "a"},
	"tolerations": [{"key": "own", "operator": "Exists"}],
	"affinity": {
		"nodeAffinity": {
			"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}, {"matchExpressions": [{"key": "x", "operator": "Exists"}]}]},
			"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "own", "operator": "Exists"}]}}]
		},
		"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "own"}]},
		"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"topologyKey": "own"}}]}
	}}`

func TestTheJSONPatchDoesWhatTheMergeSays(t *testing.T) {
	everything := ssd("p").Toleration("gpu").RequiredTerm(corev1.NodeSelectorRequirement{Key: "y", Operator: corev1.NodeSelectorOpExists}).
		RequiredTerm(corev1.NodeSelectorRequirement{Key: "z", Operator: corev1.NodeSelectorOpExists}).
		Spec(func(spec *v1alpha1.SchedPatchSpec) {
			term := corev1.PodAffinityTerm{TopologyKey: "rack"}
			weighted := corev1.WeightedPodAffinityTerm{Weight: 2, PodAffinityTerm: term}
			spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{
				{Weight: 3, Preference: corev1.NodeSelectorTerm{
					MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "w", Operator: corev1.NodeSelectorOpExists}}}},
			}
			spec.Affinity.PodAffinity = &corev1.PodAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution:  []corev1.PodAffinityTerm{term},
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{weighted},
			}
			spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution:  []corev1.PodAffinityTerm{term},
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{weighted},
			}
		})
	bare, rich := cartPod(), cartPod().Annotation("a", "b")
	if err := json.Unmarshal([]byte(full), &rich.Obj().Spec); err != nil {
		t.Fatal(err)
	}
	halfway := cartPod()
	halfway.Obj().Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{}}
	for name, pod := range map[string]*build.PodBuilder{"of a bare Pod": bare, "of a Pod with all of it": rich,
		"of a Pod with empty rules": halfway} {
		t.Run(name, func(t *testing.T) {
			patch, err := schedpatch.Compile(everything.Obj())
			if err != nil {
				t.Fatal(err)
			}
			want, _ := schedpatch.Merge(schedpatch.RulesOf(&pod.Obj().Spec), []*schedpatch.Patch{patch})
			h := scheduler(t, &places{}, everything)
			request := review(t, pod.Obj())
			once := patched(t, request, h.Handle(t.Context(), request))
			if diff := cmp.Diff(&want, schedpatch.RulesOf(&once.Spec)); diff != "" {
				t.Errorf("rules (-merged +admitted):\n%s", diff)
			}
			again := review(t, once)
			response := h.Handle(t.Context(), again)
			if len(response.Patches) > 0 {
				t.Errorf("admitting the Pod again changes it: %v", response.Patches)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	onHDD := func() *build.PodBuilder {
		b := cartPod()
		b.Obj().Spec.NodeSelector = map[string]string{"disk": "hdd"}
		return b
	}
	const conflict = `nodeSelector disk is "hdd" in the Pod and "ssd" in the patch`
	t.Run("Skip creates the Pod as it is and says why", func(t *testing.T) {
		request := review(t, onHDD().Obj())
		response := scheduler(t, &places{}, ssd("p").Toleration("gpu")).Handle(t.Context(), request)
		want := said{[]string{"SchedPatch p is not applied because " + conflict}, map[string]string{"not-sched-patched": "p: " + conflict}}
		if diff := cmp.Diff(want, said{response.Warnings, response.AuditAnnotations}); diff != "" {
			t.Errorf("the response says (-want +got):\n%s", diff)
		}
		if !response.Allowed || len(response.Patches) > 0 {
			t.Errorf("allowed: %t, patches: %v", response.Allowed, response.Patches)
		}
	})
	t.Run("Reject denies the Pod and gives places back", func(t *testing.T) {
		free := &places{left: 5}
		response := scheduler(t, free, ssd("p").Reject().MaxPods(5), build.MakeSchedPatch("a").Namespace("shop").Toleration("gpu").MaxPods(5)).
			Handle(t.Context(), review(t, onHDD().Obj()))
		want := "SchedPatch shop/p does not fit, and its onConflict is Reject: " + conflict + ". Change one of the two, or set onConflict to Skip"
		if response.Allowed || response.Result.Message != want {
			t.Errorf("allowed: %t, %v", response.Allowed, response.Result)
		}
		if free.taken != 0 {
			t.Errorf("%d places are taken", free.taken)
		}
	})
}

func TestMaxPods(t *testing.T) {
	p := ssd("p").MaxPods(1)
	audit := func(key, value string) said { return said{Audit: map[string]string{key: value}} }
	full := audit("not-sched-patched", "p: maxPods is 1, and as many Pods carry it")
	yes := true
	for name, tc := range map[string]struct {
		pod       *build.PodBuilder
		left      int
		dryRun    *bool
		want      said
		wantTaken int
	}{
		"a place is taken": {pod: cartPod(), left: 1, want: audit("sched-patched", "p"), wantTaken: 1},
		"without a place nothing is patched or warned of": {pod: cartPod(), want: full},
		"a dry run takes none":                            {pod: cartPod(), left: 1, dryRun: &yes, want: audit("sched-patched", "p")},
		"a dry run sees that there is none":               {pod: cartPod(), dryRun: &yes, want: full},
		"a Pod that carries the patch has one": {
			pod: cartPod().Annotation("apps.kruise.io/sched-patches", "p@"+hashOf(t, p)), want: audit("sched-patched", "p"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			free := &places{left: tc.left}
			request := review(t, tc.pod.Obj())
			request.DryRun = tc.dryRun
			response := scheduler(t, free, p).Handle(t.Context(), request)
			if diff := cmp.Diff(tc.want, said{response.Warnings, response.AuditAnnotations}); diff != "" {
				t.Errorf("the response says (-want +got):\n%s", diff)
			}
			if free.taken != tc.wantTaken {
				t.Errorf("%d places are taken, want %d", free.taken, tc.wantTaken)
			}
		})
	}
}

func TestSidecarsAndPatchesTogether(t *testing.T) {
	set, err := sidecar.Compile(build.MakeSidecarSet("s").Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}).
		Container("agent", "agent:1").Obj())
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Handler)) *Handler {
		h := scheduler(t, &places{}, ssd("p"))
		index := sidecar.NewIndex()
		index.Put(set)
		h.Sets = index
		change(h)
		return h
	}
	t.Run("a Pod gets both, in one patch", func(t *testing.T) {
		request := review(t, cartPod().Obj())
		pod := patched(t, request, with(func(*Handler) {}).Handle(t.Context(), request))
		if len(pod.Spec.Containers) != 2 || pod.Spec.NodeSelector["disk"] != "ssd" || pod.Annotations["apps.kruise.io/sched-patches"] == "" {
			t.Errorf("got %+v", pod)
		}
	})
	t.Run("a Pod whose sidecars fail is patched all the same", func(t *testing.T) {
		failing := with(func(h *Handler) {
			broken, err := sidecar.Compile(build.MakeSidecarSet("s").Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}).
				Spec(func(spec *v1beta1.SidecarSetSpec) {
					spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
				}).Container("agent", "agent:1").Obj())
			if err != nil {
				t.Fatal(err)
			}
			index := sidecar.NewIndex()
			index.Put(broken)
			h.Sets, h.Reader = index, unreadable{}
		})
		request := review(t, cartPod().Obj())
		response := failing.Handle(t.Context(), request)
		if pod := patched(t, request, response); pod.Spec.NodeSelector["disk"] != "ssd" || len(response.Warnings) != 1 {
			t.Errorf("got %+v, warnings %v", pod.Spec, response.Warnings)
		}
	})
}

// TestAForgedReviewTakesNoPlace: whoever reaches our port can send reviews of Pods that nobody creates.
func TestAForgedReviewTakesNoPlace(t *testing.T) {
	const (
		gone   = "it has maxPods, and there is no StatefulSet.apps web with the UID forged"
		unread = "it has maxPods, and it is not known whether there is a StatefulSet.apps web with the UID unreadable: no route to the API server"
	)
	for name, tc := range map[string]struct {
		uid       string
		want      said
		wantTaken int
	}{
		"of an owner that is there": {"sts", said{Audit: map[string]string{"sched-patched": "p"}}, 1},
		"of one that is not": {"forged", said{
			Warnings: []string{"SchedPatch p is not applied because " + gone}, Audit: map[string]string{"not-sched-patched": "p: " + gone},
		}, 0},
		"of one that cannot be read": {"unreadable", said{
			Warnings: []string{"SchedPatch p is not applied because " + unread}, Audit: map[string]string{"not-sched-patched": "p: " + unread},
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			free := &places{left: 2}
			request := review(t, ownedPod(controller("apps/v1", "StatefulSet", "web", tc.uid)).Obj())
			response := scheduler(t, free, ssd("p").Target("apps/v1", "StatefulSet", "web").MaxPods(2)).Handle(t.Context(), request)
			if diff := cmp.Diff(tc.want, said{response.Warnings, response.AuditAnnotations}); diff != "" {
				t.Errorf("what is said (-want +got):\n%s", diff)
			}
			if free.taken != tc.wantTaken {
				t.Errorf("%d places are taken, want %d", free.taken, tc.wantTaken)
			}
		})
	}
}
