// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// Snapshot is all that a decision about one SchedPatch rests on, read once. Nobody modifies it: the Pods and Nodes are
// the cache's own.
type Snapshot struct {
	// Now is the time of the snapshot.
	Now time.Time
	// Object is the SchedPatch, and Patch the same made ready for use.
	Object *v1alpha1.SchedPatch
	Patch  *sched.Patch
	// Served reports whether the Pod webhooks serve the namespace.
	Served bool
	// Target is the workload that the patch is for.
	Target Target
	// Since is from when on new Pods are expected to carry the patch, as far as maxPods leaves a place for them.
	Since metav1.Time
	// Pods are the live Pods of the target that podSelector selects.
	Pods []*corev1.Pod
	// Template is what new Pods are made from. It is nil when the patch is over, and where the target has none and no
	// Pods.
	Template *sched.Template
	// Others are the patches of the same target that new Pods get beside this one. They are read with the template.
	Others []*sched.Patch
	// Nodes are read for a preview, and where the patch demands something of them.
	Nodes []*corev1.Node
}

// Target is the workload of a SchedPatch, as far as it could be found.
type Target struct {
	// Object is nil when there is no such workload.
	Object *metav1.PartialObjectMetadata
	// Near are workloads that may have been meant where there is none.
	Near []sched.Near
	// Unreadable says why the workload cannot be looked for, "" when it can.
	Unreadable string
	// NotServed: the cluster does not know the target's kind.
	NotServed bool
}

// expired reports whether the patch has ended.
func (s *Snapshot) expired() bool { return s.Patch.ExpiredAt(metav1.NewTime(s.Now)) }

// full reports whether so many Pods with the patch are as many as maxPods allows.
func (s *Snapshot) full(patched int) bool {
	most := s.Object.Spec.MaxPods
	return most != nil && patched >= int(*most)
}

// preview reports whether the status is to say what the patch would do.
func (s *Snapshot) preview() bool { return s.Object.Spec.Mode == v1alpha1.SchedPatchPreview }

// asksNodes reports whether the status says for which nodes new Pods are.
func (s *Snapshot) asksNodes() bool { return s.preview() || s.Patch.NarrowsNodes() }
