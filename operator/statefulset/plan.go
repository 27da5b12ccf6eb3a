// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/operator/ledger"
)

// Plan is what to do about one StatefulSet now, and why it is no more than that.
type Plan struct {
	// Revisions keeps the history.
	Revisions RevisionPlan
	// Layout puts the Pods on ordinals.
	Layout layout
	// Own are the Pods to adopt or to let go.
	Own []OwnPod
	// Create, Delete and Change are what happens to Pods, each in the order in which it is begun.
	Create []CreatePod
	Delete []DeletePod
	Change []ChangePod
	// Claims are claims to change, and CreateClaims claims to make, beyond those that come with a new Pod.
	Claims       []ChangeClaim
	CreateClaims []*corev1.PersistentVolumeClaim

	// Takes is what the plan knows of what others take.
	Takes *ledger.Page
	// Pulls are the Pods to make and to delete by which nodes pull images ahead of restarts.
	Pulls pull.Plan

	// Rollout says how far the update has come.
	Rollout Rollout
	// Blocked are ordinals whose Pod cannot be made, or may not go, now.
	Blocked []BlockedOrdinal
	// RequeueAfter is when something is due though nothing happens; 0 for never.
	RequeueAfter time.Duration
}

// Rollout is where the update of Pods stands, this plan's actions included.
type Rollout struct {
	// Hold says why Pods that are not at the update revision are left alone; empty when none is.
	Hold Hold
	// Waiting are Pods whose turn comes later, by ordinal.
	Waiting []int
	// Kept is how many Pods the partition keeps at an earlier revision.
	Kept int
	// Blockers are the Pods that take up maxUnavailable.
	Blockers []string
	// Disruption says which PodDisruptionBudget lets no further Pod go, "" for none; Disrupted is the Pod that asked, and
	// DisruptionBudgets are those that are waited for.
	Disruption, Disrupted string
	DisruptionBudgets     []types.NamespacedName
	// Hooked are Pods whose change or deletion waits for a lifecycle hook.
	Hooked []string
	// HookTimeouts are Pods of which the inPlaceUpdate hook did not do its work in time, to be told now.
	HookTimeouts []HookTimeout
	// Growing are Pods whose claims have to grow before they are updated.
	Growing []string
	// Waits are the Pods among those that wait that do so for something of their own: an image that is not known to be there,
	// or a kubelet that nobody knows.
	Waits []OwnWait
	// Recreated is why Pods are, or will be, recreated although podUpdatePolicy asks for a change in
	// place: field paths, or a sentence.
	Recreated []string
	// Refused are Pods that the API server refused a write to a moment ago. They take up nothing, and are tried again
	// when their time comes.
	Refused []RefusedPod
	// NotUpgradable are Pods that podUpdatePolicy InPlaceOnly keeps from being updated, and why.
	NotUpgradable []NotUpgradablePod
	// Unexpandable are claims that cannot grow to what their template asks for, and why.
	Unexpandable []string
}

// Hold is why a rollout does not go on right now.
type Hold string

const (
	// HoldNone means that it does go on, or that there is nothing to do.
	HoldNone Hold = ""
	// HoldOnDelete means that Pods change when somebody deletes them.
	HoldOnDelete Hold = "OnDelete"
	// HoldPaused means that a person paused it.
	HoldPaused Hold = "Paused"
	// HoldBudget means that as many Pods as allowed are unavailable.
	HoldBudget Hold = "MaxUnavailable"
)

// NotUpgradablePod is a Pod that cannot be brought to the update revision.
type NotUpgradablePod struct {
	View *View
	// Why are field paths, or a sentence.
	Why []string
}

// RefusedPod is a Pod that the API server refused a write to.
type RefusedPod struct {
	View *View
	// Verb is what was to happen to it: change, replace or delete.
	Verb string
	// Words are the API server's.
	Words string
}

// Error is what the refused write said.
func (r RefusedPod) Error() string {
	return fmt.Sprintf("%s Pod %s: %s", r.Verb, r.View.Pod.Name, r.Words)
}

// BlockedOrdinal is an ordinal that waits for something out of our hands.
type BlockedOrdinal struct {
	Ordinal int
	// Why is a sentence.
	Why string
	// Waits tells that it is a matter of time: a Pod that is about to serve has to be available first.
	Waits bool
}

// OwnPod adopts an orphan, or lets a Pod go that is no longer the set's.
type OwnPod struct {
	Pod   *corev1.Pod
	Adopt bool
}

// String renders the action for logs.
func (o OwnPod) String() string {
	if o.Adopt {
		return fmt.Sprintf("adopt Pod %s: it has no controller, and its name and labels are those of the set", o.Pod.Name)
	}
	return fmt.Sprintf("release Pod %s: its name or labels are no longer those of the set", o.Pod.Name)
}

// CreatePod makes the Pod of an ordinal, its claims first.
type CreatePod struct {
	Ordinal int
	Pod     *corev1.Pod
	// Revision names the revision that it is made from.
	Revision string
	// Claims are to be made before the Pod.
	Claims []*corev1.PersistentVolumeClaim
	// Conditions are set once the Pod is there: those that its readiness gates wait for.
	Conditions []corev1.PodCondition
}

// String renders the action for logs.
func (c CreatePod) String() string {
	text := fmt.Sprintf("create Pod %s at revision %s", c.Pod.Name, c.Revision)
	if n := len(c.Claims); n > 0 {
		text += fmt.Sprintf(" with %d claims", n)
	}
	return text
}

// DeletePod deletes a Pod.
type DeletePod struct {
	View *View
	// Claims are to be handed over before: the garbage collector deletes them with the Pod.
	Claims []ChangeClaim
	// NotServing tells that the Pod did not serve, so that the deletion costs nothing. That must still be so: the Pod
	// must not have changed since.
	NotServing bool
	// Toward is what the deletion is remembered by when it is refused.
	Toward string
	// Evict asks for an eviction, which PodDisruptionBudgets may refuse. Takes are the budgets that it is taken from.
	Evict bool
	Takes []ledger.Budget
	// Successor is the Pod that follows, where the API server is to be asked before the deletion whether it would take
	// that; nil elsewhere.
	Successor *corev1.Pod
	// Cause is what led to it.
	Cause Cause
	// Reason says why, for people.
	Reason string
}

// String renders the action for logs.
func (d DeletePod) String() string {
	if d.Evict {
		return fmt.Sprintf("evict Pod %s: %s", d.View.Pod.Name, d.Reason)
	}
	return fmt.Sprintf("delete Pod %s: %s", d.View.Pod.Name, d.Reason)
}

// verb is what a deletion is called: with an update another Pod follows.
func (c Cause) verb() string {
	if c == CauseUpdate {
		return "replace"
	}
	return "delete"
}

// Cause is what led to the deletion of a Pod.
type Cause string

const (
	// CauseScale means that the set has too many Pods, or the ordinal became reserved.
	CauseScale Cause = "Scale"
	// CauseUpdate means that the Pod is not at the revision that it should have.
	CauseUpdate Cause = "Update"
	// CauseEnded means that the Pod failed, or its containers ended.
	CauseEnded Cause = "Ended"
	// CauseAsked means that a person labelled the Pod for deletion.
	CauseAsked Cause = "Asked"
)

// ChangePod writes to a Pod that stays: conditions first, then resources, then everything else.
type ChangePod struct {
	View *View
	// Conditions are to be set in the Pod's status.
	Conditions []corev1.PodCondition
	// Resize goes through the resize subresource, Patch through the Pod itself; either may be empty.
	Resize, Patch *podpatch.Patch
	// Trial is asked of the API server, by dry run, before anything is written: the whole change where writing a part
	// of it would cost the Pod its service, or would leave it with half of the change, should the rest be refused. Nil
	// for none.
	Trial *inplace.Edits
	// Toward names the revision that this is a step to, "" when it is none.
	Toward string
	// NotServing tells that the Pod did not serve, so that the change costs nothing. That must still be so: see
	// podpatch.StillNotReady.
	NotServing bool
	// Takes are the PodDisruptionBudgets that it is taken from. If anybody else has taken from one of them since the
	// snapshot, nothing is written.
	Takes []ledger.Budget
	// Updates tells that the change brings the Pod to the update revision.
	Updates bool
	// Restarts tells that it stops a container.
	Restarts bool
	// State is the Pod's lifecycle state afterwards.
	State v1beta1.LifecycleStateType
	// Reason says why, for people.
	Reason string
}

// String renders the action for logs.
func (c ChangePod) String() string {
	if c.Updates {
		return fmt.Sprintf("update Pod %s in place: %s", c.View.Pod.Name, c.Reason)
	}
	return fmt.Sprintf("change Pod %s: %s", c.View.Pod.Name, c.Reason)
}

// makePlan decides what to do now.
func makePlan(s *Snapshot) (*Plan, error) {
	p, err := newPlanner(s)
	if err != nil {
		return nil, err
	}
	p.own()
	p.scaleDown()
	p.replaceEnded()
	p.deleteAsked()
	p.scaleUp()
	p.rollOut()
	p.soon(s.Refusals.DueIn(s.Now))
	for _, view := range slices.Backward(s.Pods) { // the highest ordinal goes first
		p.settle(view)
	}
	return p.plan, p.err
}

// ChangeClaim changes a claim that is there.
type ChangeClaim struct {
	Claim *corev1.PersistentVolumeClaim
	// Owners are what its owners should be, nil where they stay.
	Owners []metav1.OwnerReference
	// SetOwners tells that Owners are to be written; they may be none.
	SetOwners bool
	// Storage is what it should ask for, nil where that stays.
	Storage *resource.Quantity
	// OwnedBy is the value of the annotation that names who expanded it.
	OwnedBy string
	// Reason says why, for people.
	Reason string
}

// String renders the action for logs.
func (c ChangeClaim) String() string {
	return fmt.Sprintf("change claim %s: %s", c.Claim.Name, c.Reason)
}

// RevisionPlan is what to do about the recorded revisions.
type RevisionPlan struct {
	// Update names the revision of the set's template, which may be yet to be created.
	Update string
	// Current names the revision that the rollout comes from.
	Current string
	// Create is a revision to create, nil for none.
	Create *appsv1.ControllerRevision
	// Change are revisions to renumber or to adopt.
	Change []ChangeRevision
	// Delete are the revisions to forget.
	Delete []*appsv1.ControllerRevision
	// Collisions is how often a name was taken by other data.
	Collisions *int32
}

// ChangeRevision brings a recorded revision from Old to New.
type ChangeRevision struct{ Old, New *appsv1.ControllerRevision }

func (c CreatePod) name() string   { return c.Pod.Name }
func (d DeletePod) name() string   { return d.View.Pod.Name }
func (c ChangePod) name() string   { return c.View.Pod.Name }
func (c ChangeClaim) name() string { return c.Claim.Name }

func (i NotUpgradablePod) name() string { return i.View.Pod.Name }
