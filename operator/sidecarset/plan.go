// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// Plan is what to do about one SidecarSet now, and why it is no more than that.
type Plan struct {
	// Revisions keeps the history.
	Revisions RevisionPlan
	// Updates are the Pods to change in place.
	Updates []UpdatePod
	// Holds are the Pods to take out of service before their update, or to bring back after it. HookIn is when to look
	// at them again though nothing happens, 0 for never. Ungated counts the Pods to update that cannot leave service,
	// since they were created without the readiness gate.
	Holds   []HoldPod
	HookIn  time.Duration
	Ungated int
	// Completions are the Pods of whose update the second half is to be written.
	Completions []UpdatePod
	// Finishes are the Pods whose hot upgrades are to be ended.
	Finishes []UpdatePod
	// Evictions are the Pods without sidecars to have created anew, in order. As many of those that serve as
	// EvictBudget says are evicted now, and with Probe a single one: to see whether it helps.
	Evictions   []EvictPod
	EvictBudget int
	Probe       bool
	// Futile are the controllers whose Pods are not evicted any more, sorted, and Protected the Pods that the API
	// server did not let us evict when we last tried.
	Futile    []types.UID
	Protected []ProtectedPod
	// Marks are the Pods whose condition SidecarSetUpgradable is to change.
	Marks []MarkPod
	// Pulls are the Pods to make and to delete by which nodes pull images ahead of restarts.
	Pulls pull.Plan
	// Hold says why Pods that are not up to date are left alone for now; empty when none is.
	Hold Hold
	// Held is how many Pods are not up to date while Hold keeps all of them so.
	Held int
	// Waiting are Pods whose turn comes later, by what they wait for. Elsewhere is how many of them are in namespaces
	// where nothing was refused, Again how many refused Pods are due and have to wait too.
	Waiting          []Wait
	Elsewhere, Again int
	// DisruptionBudgets are those that Pods wait for. Takes is what the plan knows of what others take.
	DisruptionBudgets []types.NamespacedName
	Takes             *ledger.Page
	// Blockers are the Pods that take up shares of maxUnavailable.
	Blockers []string
	// Kept are Pods that the partition, or the update's own selector, keeps at the old version.
	Kept int
	// NotUpgradable are Pods that cannot be brought up to date in place.
	NotUpgradable []NotUpgradablePod
	// Refused are Pods that the API server did not let us change, and that are not tried again in this round.
	Refused []RefusedPod
	// Excused are Pods at the current version that do not serve for reasons of their own. Nothing waits for them.
	Excused []ExcusedPod
	// HeldResizes are Pods whose new resources were written, and whose kubelets do not give them to them, or whose API server
	// does not write them since their nodes cannot.
	HeldResizes heldResizes
	// Broken is the first updated Pod with a sidecar that cannot run; one that served before comes first.
	Broken *BrokenPod
	// Failed are the updated Pods that served before and whose sidecar cannot run now.
	Failed []*sidecar.View
	// StatusIn is when the kubelet's word about Pods written to a moment ago can be believed; 0 when there are none that
	// look broken.
	StatusIn time.Duration
	// SettleIn is when a Pod has served for minReadySeconds; 0 when none is on its way there.
	SettleIn time.Duration
	// Repair says why no Pod without sidecars is evicted; empty when nothing speaks against it. RepairIn is when that
	// changes by itself, 0 when it does not.
	Repair   string
	RepairIn time.Duration
}

// Hold is why a rollout does not go on right now.
type Hold string

const (
	// HoldNone means that it does go on, or that there is nothing to do.
	HoldNone Hold = ""
	// HoldNotUpdate means that the strategy leaves running Pods alone.
	HoldNotUpdate Hold = "NotUpdate"
	// HoldZero means that maxUnavailable is 0: Pods that serve are left alone, all else goes on.
	HoldZero Hold = "MaxUnavailableZero"
	// HoldPaused means that a person paused it.
	HoldPaused Hold = "Paused"
	// HoldAutoPaused means that an updated Pod failed, and that autoPauseOnFailure is set.
	HoldAutoPaused Hold = "AutoPaused"
)

// UpdatePod changes one Pod in place.
type UpdatePod struct {
	View   *sidecar.View
	Change *sidecar.Update
	// NotServing means that the Pod does not serve, so the update costs nothing. That has to be true still when it is
	// written.
	NotServing bool
	// Takes are the budgets that it is taken from. If anybody else has taken from one of them since the snapshot, nothing
	// is written.
	Takes []ledger.Budget
	// Reason says why this Pod may go now.
	Reason string
}

// String renders the action for logs.
func (u UpdatePod) String() string {
	return fmt.Sprintf("update Pod %s in place (%s): %s", podName(u.View.Pod), u.what(), u.Reason)
}

// what says what changes.
func (u UpdatePod) what() string {
	parts := make([]string, 0, len(u.Change.Images)+len(u.Change.Resources))
	for _, name := range slices.Sorted(maps.Keys(u.Change.Images)) {
		parts = append(parts, fmt.Sprintf("%s: %s -> %s", name, pods.Image(u.View.Pod, name), u.Change.Images[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(u.Change.Resources)) {
		word := "resize"
		if u.Change.ResizeRefused != "" {
			word = "no resize, its node can never give it"
		}
		parts = append(parts, name+": "+word)
	}
	if len(parts) == 0 {
		parts = append(parts, "annotations only")
	}
	return strings.Join(parts, ", ")
}

// NotUpgradablePod is a Pod that keeps its sidecars until it is created anew.
type NotUpgradablePod struct {
	View *sidecar.View
	// Why lists what stands against an update: field paths, or a sentence.
	Why []string
}

// RefusedPod is a Pod of which the API server refused a change.
type RefusedPod struct {
	View *sidecar.View
	// Words are the API server's.
	Words string
}

// ExcusedPod is a Pod that does not serve, which is not the set's doing.
type ExcusedPod struct {
	View *sidecar.View
	// Why says in a few words what keeps it. Stuck means that its sidecars cannot start before that has changed.
	Why   string
	Stuck bool
}

// BrokenPod is an updated Pod with a sidecar that cannot run.
type BrokenPod struct {
	View *sidecar.View
	// Container is the sidecar, Reason what the kubelet says of it.
	Container, Reason string
	// served means that it did before its update.
	served bool
}

func (b *BrokenPod) before(other *BrokenPod) bool {
	return cmp.Or(compareBool(other.served, b.served), cmp.Compare(podName(b.View.Pod), podName(other.View.Pod))) < 0
}

func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

// comparePods orders Pods by name.
func comparePods(a, b *corev1.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
