// SPDX-License-Identifier: Apache-2.0

package testing

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// SchedPatchBuilder builds a SchedPatch.
type SchedPatchBuilder struct{ patch *v1alpha1.SchedPatch }

// MakeSchedPatch starts an active SchedPatch of namespace default for the Deployment cart, without rules.
func MakeSchedPatch(name string) *SchedPatchBuilder {
	return &SchedPatchBuilder{&v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name + "-uid"), Generation: 1, CreationTimestamp: metav1.NewTime(Epoch),
		},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef: v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart"},
			Mode:      v1alpha1.SchedPatchActive, OnConflict: v1alpha1.SchedPatchConflictSkip,
		},
	}}
}

// Obj returns the SchedPatch.
func (b *SchedPatchBuilder) Obj() *v1alpha1.SchedPatch { return b.patch }

// Spec hands the spec out for whatever has no method of its own.
func (b *SchedPatchBuilder) Spec(change func(spec *v1alpha1.SchedPatchSpec)) *SchedPatchBuilder {
	change(&b.patch.Spec)
	return b
}

// Namespace sets the namespace.
func (b *SchedPatchBuilder) Namespace(namespace string) *SchedPatchBuilder {
	b.patch.Namespace = namespace
	return b
}

// Target sets the target.
func (b *SchedPatchBuilder) Target(apiVersion, kind, name string) *SchedPatchBuilder {
	b.patch.Spec.TargetRef = v1alpha1.TargetReference{APIVersion: apiVersion, Kind: kind, Name: name}
	return b
}

// Priority sets the priority.
func (b *SchedPatchBuilder) Priority(priority int32) *SchedPatchBuilder {
	b.patch.Spec.Priority = priority
	return b
}

// Preview sets mode Preview.
func (b *SchedPatchBuilder) Preview() *SchedPatchBuilder {
	b.patch.Spec.Mode = v1alpha1.SchedPatchPreview
	return b
}

// Reject sets onConflict Reject.
func (b *SchedPatchBuilder) Reject() *SchedPatchBuilder {
	b.patch.Spec.OnConflict = v1alpha1.SchedPatchConflictReject
	return b
}

// MaxPods sets maxPods.
func (b *SchedPatchBuilder) MaxPods(count int32) *SchedPatchBuilder {
	b.patch.Spec.MaxPods = &count
	return b
}

// TTL sets ttlSeconds.
func (b *SchedPatchBuilder) TTL(ttl time.Duration) *SchedPatchBuilder {
	seconds := int32(ttl / time.Second)
	b.patch.Spec.TTLSeconds = &seconds
	return b
}

// NodeSelector adds a node label that Pods demand.
func (b *SchedPatchBuilder) NodeSelector(key, value string) *SchedPatchBuilder {
	if b.patch.Spec.NodeSelector == nil {
		b.patch.Spec.NodeSelector = map[string]string{}
	}
	b.patch.Spec.NodeSelector[key] = value
	return b
}

// Toleration adds a toleration of every taint with this key.
func (b *SchedPatchBuilder) Toleration(key string) *SchedPatchBuilder {
	b.patch.Spec.Tolerations = append(b.patch.Spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists})
	return b
}

// RequiredTerm adds a term to the required node affinity.
func (b *SchedPatchBuilder) RequiredTerm(requirements ...corev1.NodeSelectorRequirement) *SchedPatchBuilder {
	spec := &b.patch.Spec
	if spec.Affinity == nil {
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{}}}
	}
	required := spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	required.NodeSelectorTerms = append(required.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchExpressions: requirements})
	return b
}
