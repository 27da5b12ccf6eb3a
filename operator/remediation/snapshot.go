// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// Snapshot is all that a decision rests on, read once. Nobody modifies it.
type Snapshot struct {
	Input
	// Now is the time of the snapshot.
	Now time.Time
	// Patch is our SchedPatch, nil when there is none, and Record what it records.
	Patch  *v1alpha1.SchedPatch
	Record Record
	// Obstacle says, as a clause, why nothing can be recorded; "" when nothing stands against it.
	Obstacle string
	// Ledger is what was done for all sets. Gone are those of them that do not exist any more, and Unpatched those
	// without a SchedPatch, by namespace/name.
	Ledger          Ledger
	Gone, Unpatched map[string]bool
	// LedgerVersion is the ledger's resourceVersion, "" when there is none yet.
	LedgerVersion string
	// Nodes are all Nodes, by name.
	Nodes map[string]*corev1.Node
	// Details are known of the Pods that may be deleted, at most maxDetails of them. Their Pods are as the API server
	// has them, and whole.
	Details map[types.UID]*Details
	// NamespaceServed reports whether the Pod webhooks serve the set's namespace.
	NamespaceServed bool
	// Karpenter reports whether it provisions nodes for this cluster, as far as that matters for the set.
	Karpenter bool
	// Served is what the webhooks answered last, nil when they were not asked.
	Served *Answer
	// Refusal is of the deletion that was tried last, nil when it is recorded.
	Refusal *Refusal
}

// Details are what is known of a Pod that may be deleted.
type Details struct {
	// Volumes are its claims.
	Volumes []Volume
}

// Volume is a claim of a Pod, and the volume that it is bound to.
type Volume struct {
	Claim *corev1.PersistentVolumeClaim
	// PV is nil until the claim is bound, and when Lost says that the volume which it is bound to does not exist.
	PV   *corev1.PersistentVolume
	Lost bool
}

// Answer is what the webhooks say of a SchedPatch.
type Answer struct {
	// UID and Generation of the SchedPatch that they were asked about.
	UID        types.UID
	Generation int64
	// Missing names a webhook that does not serve it and says why, "" when all do.
	Missing string
}

const (
	// maxDetails is how many Pods of a set are looked at closely at a time. One is replaced at a time.
	maxDetails = 10
	// selectedNodeAnnotation on a claim is the node that the scheduler chose for a volume that is yet to be made.
	selectedNodeAnnotation = "volume.kubernetes.io/selected-node"
)

// asked reports whether the webhooks were asked about the SchedPatch as it is.
func (s *Snapshot) asked() bool {
	return s.Served != nil && s.Patch != nil && s.Served.UID == s.Patch.UID && s.Served.Generation == s.Patch.Generation
}

// now is the time of the snapshot as records have it.
func (s *Snapshot) now() metav1.Time { return later(s.Now, 0) }

// podName names the Pod of an ordinal.
func (s *Snapshot) podName(ordinal int) string { return fmt.Sprintf("%s-%d", s.Set.Name, ordinal) }
