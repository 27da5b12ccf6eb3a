// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// makePatch is a patch, zoned, that keeps the Pods of Deployment cart in zone a.
func makePatch(changes ...func(*v1alpha1.SchedPatch)) *v1alpha1.SchedPatch {
	object := build.MakeSchedPatch("zoned").NodeSelector("zone", "a").Obj()
	object.Status.ObservedGeneration = -1
	for _, change := range changes {
		change(object)
	}
	return object
}

func preview(object *v1alpha1.SchedPatch) { object.Spec.Mode = v1alpha1.SchedPatchPreview }
func rejects(object *v1alpha1.SchedPatch) {
	object.Spec.OnConflict = v1alpha1.SchedPatchConflictReject
}
func ttl(seconds int32) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) { object.Spec.TTLSeconds = &seconds }
}
func maxPods(most int32) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) { object.Spec.MaxPods = &most }
}

// hadPatched is how many Pods carried the patch when it was last looked at.
func hadPatched(pods int32) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) { object.Status.PatchedPods = pods }
}

func named(name string) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) { object.Name, object.UID = name, types.UID(name+"-uid") }
}

// ownedBy makes a controller the owner.
func ownedBy(kind, name string) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) {
		controlled(object, kind, name).OwnerReferences[0].APIVersion = v1beta1.GroupVersion.String()
	}
}

// required demands one of some values of a label of the node.
func required(key string, values ...string) func(*v1alpha1.SchedPatch) {
	return func(object *v1alpha1.SchedPatch) {
		object.Spec.NodeSelector, object.Spec.Affinity = nil, &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: terms(1, key, values...)}}
	}
}

func terms(n int, key string, values ...string) *corev1.NodeSelector {
	out := &corev1.NodeSelector{}
	for i := range n {
		requirement := corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
		if n > 1 {
			requirement.Values = []string{fmt.Sprintf("v%d", i)}
		}
		out.NodeSelectorTerms = append(out.NodeSelectorTerms,
			corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{requirement}})
	}
	return out
}

// snapshotOf is what is seen ten minutes after the patch was made: its target, and these Pods.
func snapshotOf(t testing.TB, object *v1alpha1.SchedPatch, pods ...*corev1.Pod) *Snapshot {
	t.Helper()
	return &Snapshot{
		Now: build.Epoch.Add(10 * time.Minute), Object: object, Patch: compile(t, object), Served: true,
		Target: Target{Object: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "cart", UID: "cart-uid"}}},
		Since:  object.CreationTimestamp, Pods: pods,
	}
}

// statusOf is what is written of a snapshot.
func statusOf(s *Snapshot) *v1alpha1.SchedPatchStatus { return makeStatus(s, MakePlan(s)) }

func compile(t testing.TB, object *v1alpha1.SchedPatch) *sched.Patch {
	t.Helper()
	patch, err := sched.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return patch
}

// template is that of a Deployment, as the operator keeps it.
func template(change func(*corev1.PodSpec)) *sched.Template {
	spec := &corev1.PodSpec{}
	if change != nil {
		change(spec)
	}
	return &sched.Template{Labels: map[string]string{"app": "cart"}, Spec: sched.SchedulingOf(spec)}
}

// pod is one of the target's, created so long after the patch.
func pod(name string, after time.Duration) *build.PodBuilder {
	return build.MakePod(name).Label("app", "cart").Created(after)
}

// patched is a Pod that carries zoned.
func patched(name string, after time.Duration) *corev1.Pod {
	return pod(name, after).Annotation(v1beta1.SchedPatchesAnnotation, "other@1,zoned@0123456789").Obj()
}

func node(name string, labels map[string]string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{Taints: taints}}
}
