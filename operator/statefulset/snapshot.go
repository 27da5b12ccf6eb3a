// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// Snapshot is all that a decision about one StatefulSet rests on, read once. Nobody modifies it: what it points to is
// the cache's own.
type Snapshot struct {
	// Now is the time of the snapshot.
	Now time.Time
	// Set is the StatefulSet.
	Set *v1beta1.StatefulSet
	// Template is the set's Pod template with every default filled in.
	Template *corev1.PodTemplateSpec
	// Pods are the set's Pods, orphans that it adopts included, by ordinal.
	Pods []*View
	// Released are Pods that the set controls though their labels, or their name, are no longer those of its Pods.
	Released []*corev1.Pod
	// Taken are Pods by name that stand where the set wants its own: the value says whose they are.
	Taken map[string]string
	// Revisions are the recorded revisions of the set, orphans that it adopts included, oldest first.
	Revisions []*Revision
	// Claims are the claims by name that the set's claim templates have led to, and those that removed templates have
	// led to which the partition's revision mounts.
	Claims map[string]*corev1.PersistentVolumeClaim
	// Expandable tells of every StorageClass that claims use whether it allows claims to grow.
	Expandable map[string]bool
	// Kubelets are the kubelets' versions by node. They are read only where it may matter for some Pod.
	Kubelets map[string]string
	// CanResize reports whether the API server serves the resize subresource.
	CanResize bool
	// Takes are the Pods that anybody in this process is about to restart or to evict, though they may not show it yet.
	// Disruption are the PodDisruptionBudgets of the Pods that may be updated, with all Pods that these count. Both are
	// read only for sets that respect the budgets.
	Takes      *ledger.Page
	Disruption disruption.Budgets
	// Images is what is known of pulls of images.
	Images Images
	// Refusals are the writes that the API server refused lately.
	Refusals refusal.Known
	// Accepted names the revision that the API server was last seen to take new Pods of.
	Accepted string
	// Remedy is what auto remediation says of the set's stuck Pods, nil when there is nothing to say.
	Remedy *remediation.Result
}

// Revision is a recorded Pod template.
type Revision struct {
	Object *appsv1.ControllerRevision
	// Template is what was recorded; Defaulted is the same with every default filled in, for comparisons with the set's
	// template. Both are nil when the data cannot be read.
	Template, Defaulted *corev1.PodTemplateSpec
}

// orphan reports whether the revision has no controller.
func (r *Revision) orphan() bool { return metav1.GetControllerOf(r.Object) == nil }

// recorded reports whether Pods can be made from a revision.
func (s *Snapshot) recorded(name string) bool {
	for _, r := range s.Revisions {
		if r.Object.Name == name {
			return r.Template != nil
		}
	}
	return false
}

// allNodesFailing says that Pods start on no node, "" when that is not so.
func (s *Snapshot) allNodesFailing() string {
	if s.Remedy == nil {
		return ""
	}
	return s.Remedy.AllNodesFailing
}

// remedyIn is when auto remediation wants to look again, 0 for never.
func (s *Snapshot) remedyIn() time.Duration {
	if s.Remedy == nil {
		return 0
	}
	return s.Remedy.RequeueAfter
}
