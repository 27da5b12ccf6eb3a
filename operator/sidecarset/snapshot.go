// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// Snapshot is all that a decision about one SidecarSet rests on, read once. Nobody modifies it: the Pods are the
// cache's own.
type Snapshot struct {
	// Now is the time of the snapshot.
	Now time.Time
	// Set is the SidecarSet.
	Set *sidecar.Set
	// Matched are the live Pods that hold the set's sidecars.
	Matched []*sidecar.View
	// Strays are the live Pods among all others that the set holds, or whose hooks it has asked.
	Strays []*sidecar.View
	// Uninjected are the live Pods that the set selects but that do not hold its sidecars.
	Uninjected []Uninjected
	// Beside are the other Pods that the set selects: those that are being deleted, and those that a canary of it serves.
	// They count for their workloads only.
	Beside []*corev1.Pod
	// Exempt are the live Pods that the set selects in namespaces whose Pods no webhook serves.
	Exempt []*corev1.Pod
	// Unserved says why no webhook serves the only namespace that the set reaches, "" when one does.
	Unserved string
	// Namespaces counts namespaces, for a set that selects no live Pod.
	Namespaces NamespaceCount
	// Evicted are Pods of the set that we evicted lately, oldest first. Futile are the controllers that made a Pod
	// without this version's sidecars in place of one that we evicted.
	Evicted []Evicted
	Futile  map[types.UID]bool
	// Watched is when we began to remember what we evicted.
	Watched time.Time
	// Revisions are the recorded versions of the set, oldest first.
	Revisions []*appsv1.ControllerRevision
	// Kubelets are the kubelets' versions by node. They are read only where it matters for some Pod.
	Kubelets map[string]string
	// Domains are the values of topologyKey by node, where there is one. They are read only for sets with that field.
	Domains map[string]string
	// CanResize reports whether the API server serves the resize subresource.
	CanResize bool
	// LostNodes are the nodes of Pods that are not ready whose kubelets do not report.
	LostNodes sets.Set[string]
	// WebhookAway says why no new Pod would get sidecars now, "" when nothing is known to be wrong. It is asked only
	// for sets that have Pods to repair.
	WebhookAway string
	// Takes are the Pods that anybody in this process is about to restart or to evict, though they may not show it yet.
	Takes *ledger.Page
	// Disruption are the PodDisruptionBudgets of the Pods that may be restarted, and the Pods that these cover.
	Disruption disruption.Budgets
	// Images is what is known of pulls of images.
	Images Images
	// Refusals are the writes that the API server has refused lately. Doubtful are the Pods among them that may have
	// been changed all the same.
	Refusals refusal.Known
	Doubtful sets.Set[types.UID]
}

// Images is what is known of pulls of images ahead of restarts.
type Images struct {
	pull.Known
	// Default is the policy of sets that have none of their own; "" is Off.
	Default v1beta1.ImagePreDownloadPolicy
}

// NamespaceCount says how far a set reaches.
type NamespaceCount struct {
	// All are the cluster's namespaces, Selected those that the set reaches.
	All, Selected int
}
