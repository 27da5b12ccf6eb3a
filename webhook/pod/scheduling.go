// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
)

// Owners follow an owner to its own controller; nil when it has none.
type Owners interface {
	ControllerOf(ctx context.Context, namespace string, owner *metav1.OwnerReference) (*metav1.OwnerReference, error)
	Exists(ctx context.Context, namespace string, owner *metav1.OwnerReference) (bool, error)
}

// PatchedPods hand out the places that maxPods allows.
type PatchedPods interface {
	Reserve(key types.NamespacedName, maxPods int32, pod string, dryRun bool) (release func(), err error)
}

// Scheduling applies SchedPatches to new Pods.
type Scheduling struct {
	// Index holds the patches.
	Index *schedpatch.Index
	// Owners are asked where a patch may be for the owner of a Pod's owner.
	Owners Owners
	// PatchedPods is asked for patches that have maxPods.
	PatchedPods PatchedPods
	// Clock tells which patches have ended.
	Clock clock.PassiveClock
}

// selection is what is known of a Pod before all of it is decoded: the patches that are for it, and why others may be
// missing.
type selection struct {
	patches   []*schedpatch.Patch
	obstacles []obstacle
}

func (s *selection) empty() bool { return len(s.patches) == 0 && len(s.obstacles) == 0 }

// obstacle is why a patch that is for a Pod is not applied.
type obstacle struct {
	// patch is its name, reason a clause that goes on after "because".
	patch, reason string
	// intended is true when somebody has asked for just that, so that nobody needs to be warned.
	intended bool
}

// choose finds the patches for a Pod by its owners and its labels. A dry run takes no place, so its owner need not be
// there.
func (s *Scheduling) choose(ctx context.Context, namespace string, pod *header, dryRun bool) selection {
	var out selection
	if s == nil || !s.Index.Has(namespace) {
		return out
	}
	owner := pod.controller()
	if owner == nil || schedpatch.IsDaemonSet(owner) {
		return out
	}
	candidates, err := s.candidates(ctx, namespace, owner)
	now := metav1.NewTime(s.Clock.Now())
	for _, patch := range candidates {
		if patch.ActiveAt(now) && patch.SelectsPod(pod.Labels) {
			out.patches = append(out.patches, patch)
		}
	}
	if err != nil {
		out.obstacles = s.unknown(namespace, owner, pod, now, err)
	}
	if dryRun {
		return out
	}
	return s.confirm(ctx, namespace, owner, out)
}

// confirm leaves out the patches with maxPods for a Pod of an owner that is not there: no such Pod comes to be, and
// whoever forges its review is not to take the place of one that does.
func (s *Scheduling) confirm(ctx context.Context, namespace string, owner *metav1.OwnerReference, chosen selection) selection {
	counted := func(patch *schedpatch.Patch) bool { return patch.Object.Spec.MaxPods != nil }
	if !slices.ContainsFunc(chosen.patches, counted) {
		return chosen
	}
	target, _ := schedpatch.TargetOfOwner(owner)
	exists, err := s.Owners.Exists(ctx, namespace, owner)
	if exists && err == nil {
		return chosen
	}
	reason := fmt.Sprintf("it has maxPods, and there is no %s with the UID %s", target, owner.UID)
	if err != nil {
		reason = fmt.Sprintf("it has maxPods, and it is not known whether there is a %s with the UID %s: %v", target, owner.UID, err)
	}
	out := selection{obstacles: chosen.obstacles}
	for _, patch := range chosen.patches {
		if counted(patch) {
			out.obstacles = append(out.obstacles, obstacle{patch: patch.Name(), reason: reason})
		} else {
			out.patches = append(out.patches, patch)
		}
	}
	return out
}

// candidates are the patches for the owner and for the owner's controller.
func (s *Scheduling) candidates(ctx context.Context, namespace string, owner *metav1.OwnerReference) ([]*schedpatch.Patch, error) {
	target, ok := schedpatch.TargetOfOwner(owner)
	if !ok {
		return nil, nil
	}
	out := s.Index.For(namespace, target)
	if !s.Index.Through(namespace, target.GroupKind) {
		return out, nil
	}
	controller, err := s.Owners.ControllerOf(ctx, namespace, owner)
	if err != nil || controller == nil {
		return out, err
	}
	if target, ok = schedpatch.TargetOfOwner(controller); ok {
		out = append(out, s.Index.For(namespace, target)...)
	}
	return out, nil
}

// unknown names the patches that may be for the Pod, as far as is known while its owner's controller is not.
func (s *Scheduling) unknown(namespace string, owner *metav1.OwnerReference, pod *header, now metav1.Time, err error) []obstacle {
	target, _ := schedpatch.TargetOfOwner(owner)
	reason := fmt.Sprintf("it is not known whether %s belongs to its target: %v", target, err)
	var out []obstacle
	for _, patch := range s.Index.AllThrough(namespace, target.GroupKind) {
		if patch.ActiveAt(now) && patch.SelectsPod(pod.Labels) {
			out = append(out, obstacle{patch: patch.Name(), reason: reason})
		}
	}
	return out
}

// scheduled is what becomes of a Pod's scheduling rules.
type scheduled struct {
	rules     schedpatch.Rules
	results   []schedpatch.Result
	obstacles []obstacle
	// releases give back the places of maxPods that were taken.
	releases []func()
}

// apply merges the patches that are for the Pod.
func (s *Scheduling) apply(pod *corev1.Pod, chosen selection, dryRun bool) *scheduled {
	out := &scheduled{rules: *schedpatch.RulesOf(&pod.Spec), obstacles: chosen.obstacles}
	if schedpatch.Exempt(pod) {
		return &scheduled{rules: out.rules}
	}
	places := map[*schedpatch.Patch]func(){}
	patches := slices.DeleteFunc(slices.Clone(chosen.patches), func(patch *schedpatch.Patch) bool {
		release, err := s.reserve(pod, patch, dryRun)
		if err != nil {
			out.leaveOut(patch, err)
			return true
		}
		places[patch] = release
		return false
	})
	out.rules, out.results = schedpatch.Merge(&out.rules, patches)
	for i := range out.results {
		switch result := &out.results[i]; result.Outcome {
		case schedpatch.OutcomeApplied:
			out.releases = append(out.releases, places[result.Patch])
		case schedpatch.OutcomeSkipped, schedpatch.OutcomeRejected:
			places[result.Patch]()
			out.obstacles = append(out.obstacles, obstacle{patch: result.Patch.Name(), reason: result.Message})
		}
	}
	return out
}

// reserve takes a place for the Pod where the patch has maxPods. A Pod that carries the patch has one: the webhook may
// be called twice for a Pod.
func (s *Scheduling) reserve(pod *corev1.Pod, patch *schedpatch.Patch, dryRun bool) (release func(), err error) {
	maxPods := patch.Object.Spec.MaxPods
	if maxPods == nil || patch.Carries(pod.Annotations) {
		return func() {}, nil
	}
	return s.PatchedPods.Reserve(keyOf(patch.Object), *maxPods, pod.Name, dryRun)
}

func (s *scheduled) leaveOut(patch *schedpatch.Patch, err error) {
	full := patchedpods.FullError{}
	s.obstacles = append(s.obstacles, obstacle{patch: patch.Name(), reason: err.Error(), intended: errors.As(err, &full)})
}

// applied names the patches that the Pod is to carry.
func (s *scheduled) applied() []string {
	var out []string
	for i := range s.results {
		if s.results[i].Outcome == schedpatch.OutcomeApplied {
			out = append(out, s.results[i].Patch.Name())
		}
	}
	return out
}

// rejection says why the Pod must not be created, "" when it may.
func (s *scheduled) rejection(namespace string) string {
	for i := range s.results {
		if result := &s.results[i]; result.Outcome == schedpatch.OutcomeRejected {
			return fmt.Sprintf("SchedPatch %s/%s does not fit, and its onConflict is Reject: %s. Change one of the two, or set onConflict to Skip",
				namespace, result.Patch.Name(), result.Message)
		}
	}
	return ""
}

// giveBack gives back the places of maxPods that were taken: the Pod will not come to be.
func (s *scheduled) giveBack() {
	for _, release := range s.releases {
		release()
	}
}

// count counts the patches by what became of them.
func (s *scheduled) count() {
	for i := range s.results {
		schedPatches.WithLabelValues(string(s.results[i].Outcome)).Inc()
	}
}
