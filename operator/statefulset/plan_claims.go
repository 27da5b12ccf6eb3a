// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// eachClaim visits the claims of an ordinal, with nil for one that is missing.
func (p *planner) eachClaim(ordinal int, visit func(template, claim *corev1.PersistentVolumeClaim)) {
	for i := range p.s.Set.Spec.VolumeClaimTemplates {
		template := &p.s.Set.Spec.VolumeClaimTemplates[i]
		visit(template, p.claim(template.Name, ordinal))
	}
}

// claim is that of a template and an ordinal, nil when it is missing. Its name is written where the last one was: most
// plans ask for one claim of each Pod.
func (p *planner) claim(template string, ordinal int) *corev1.PersistentVolumeClaim {
	p.name = append(append(append(append(p.name[:0], template...), '-'), p.s.Set.Name...), '-')
	p.name = strconv.AppendInt(p.name, int64(ordinal), 10)
	return p.s.Claims[string(p.name)]
}

// missingClaims are the claims to make before the Pod of an ordinal, or what stands against the Pod: a claim that is
// going would take its data along.
func (p *planner) missingClaims(ordinal int) (missing []*corev1.PersistentVolumeClaim, obstacle string) {
	p.eachClaim(ordinal, func(template, claim *corev1.PersistentVolumeClaim) {
		switch {
		case claim == nil:
			missing = append(missing, p.newClaim(template, ordinal))
		case claim.DeletionTimestamp != nil:
			obstacle = fmt.Sprintf("claim %s is being deleted", claim.Name) + held(claim)
		case p.ownedByEarlierPod(claim, ordinal):
			obstacle = ofEarlierPod(claim.Name)
		}
	})
	return missing, obstacle
}

// ofEarlierPod says of a claim that the garbage collector is about to delete it.
func ofEarlierPod(claim string) string {
	return fmt.Sprintf("claim %s still belongs to an earlier Pod of that name, and will be deleted with it as "+
		"persistentVolumeClaimRetentionPolicy said then", claim)
}

// held names the finalizers that keep a claim that is being deleted.
func held(claim *corev1.PersistentVolumeClaim) string {
	if len(claim.Finalizers) == 0 {
		return ""
	}
	return " (finalizers " + strings.Join(claim.Finalizers, ", ") + ")"
}

// lostClaims are the claims to make again for a Pod that waits for them: one that no node has yet, and whose claims
// somebody deleted.
func (p *planner) lostClaims(view *View) []*corev1.PersistentVolumeClaim {
	if view.Pod.Spec.NodeName != "" {
		return nil
	}
	var lost []*corev1.PersistentVolumeClaim
	p.eachClaim(view.Ordinal, func(template, claim *corev1.PersistentVolumeClaim) {
		name := claimName(template.Name, p.s.Set, view.Ordinal)
		mounted := slices.ContainsFunc(view.Pod.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == name
		})
		if claim == nil && mounted {
			lost = append(lost, p.newClaim(template, view.Ordinal))
		}
	})
	return lost
}

// ownedByEarlierPod reports whether a claim is owned by a Pod of the ordinal that is not there any more, so that the
// garbage collector is about to delete it.
func (p *planner) ownedByEarlierPod(claim *corev1.PersistentVolumeClaim, ordinal int) bool {
	return slices.ContainsFunc(claim.OwnerReferences, func(o metav1.OwnerReference) bool {
		return isPod(o) && o.Name == podName(p.s.Set, ordinal)
	})
}

func isPod(o metav1.OwnerReference) bool { return o.APIVersion == "v1" && o.Kind == "Pod" }

// newClaim makes a claim from its template. Its labels are those of the template, and those that the set's selector
// names.
func (p *planner) newClaim(template *corev1.PersistentVolumeClaim, ordinal int) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.s.Set.Namespace, Name: claimName(template.Name, p.s.Set, ordinal),
			Labels: maps.Clone(template.Labels), Annotations: maps.Clone(template.Annotations), Finalizers: slices.Clone(template.Finalizers),
		},
		Spec: *template.Spec.DeepCopy(),
	}
	for key, value := range p.s.Set.Spec.Selector.MatchLabels {
		metav1.SetMetaDataLabel(&claim.ObjectMeta, key, value)
	}
	if p.deletes(whenDeleted) {
		claim.OwnerReferences = []metav1.OwnerReference{*p.setRef()}
	}
	return claim
}

type retention func(*v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy) v1beta1.PersistentVolumeClaimRetentionPolicyType

func whenDeleted(r *v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy) v1beta1.PersistentVolumeClaimRetentionPolicyType {
	return r.WhenDeleted
}

func whenScaled(r *v1beta1.StatefulSetPersistentVolumeClaimRetentionPolicy) v1beta1.PersistentVolumeClaimRetentionPolicyType {
	return r.WhenScaled
}

// deletes reports whether the retention policy deletes claims at that moment.
func (p *planner) deletes(when retention) bool {
	policy := p.s.Set.Spec.PersistentVolumeClaimRetentionPolicy
	return policy != nil && when(policy) == v1beta1.DeletePersistentVolumeClaimRetentionPolicy
}

// setRef makes the set an owner of a claim, not its controller: the claim is deleted with it, and that is all there is
// between them.
func (p *planner) setRef() *metav1.OwnerReference {
	return &metav1.OwnerReference{
		APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: p.s.Set.Name, UID: p.s.Set.UID,
	}
}

// claimOwners brings the owners of a Pod's claims to what the retention policy says: the set deletes them with itself,
// a Pod that scaling removes deletes them with itself, or nobody does. A claim that somebody else controls is left
// alone.
func (p *planner) claimOwners(view *View, condemned bool) []ChangeClaim {
	var out []ChangeClaim
	p.eachClaim(view.Ordinal, func(_, claim *corev1.PersistentVolumeClaim) {
		if claim == nil || claim.DeletionTimestamp != nil || p.foreign(claim, view) {
			return
		}
		if len(claim.OwnerReferences) == 0 && !p.deletes(whenDeleted) && !(condemned && p.deletes(whenScaled)) {
			return // most claims have no owners, and are to have none
		}
		wanted := p.otherOwners(claim, view)
		switch {
		case condemned && p.deletes(whenScaled):
			wanted = append(wanted, metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: view.Pod.Name, UID: view.Pod.UID})
		case p.deletes(whenDeleted):
			wanted = append(wanted, *p.setRef())
		}
		if !sameOwners(wanted, claim.OwnerReferences) {
			out = append(out, ChangeClaim{Claim: claim, Owners: wanted, SetOwners: true, Reason: "its owners are to " +
				"follow persistentVolumeClaimRetentionPolicy"})
		}
	})
	return out
}

// otherOwners are the owners of a claim but for the set and its Pod. The claim stays as long as one of them does.
func (p *planner) otherOwners(claim *corev1.PersistentVolumeClaim, view *View) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(claim.OwnerReferences), func(o metav1.OwnerReference) bool {
		return o.UID == p.s.Set.UID || isPod(o) && o.UID == view.Pod.UID
	})
}

// scaledAway are the claims that are deleted with a Pod that scaling removes.
func (p *planner) scaledAway(view *View) []string {
	if !p.deletes(whenScaled) {
		return nil
	}
	var out []string
	p.eachClaim(view.Ordinal, func(_, claim *corev1.PersistentVolumeClaim) {
		if claim != nil && !p.foreign(claim, view) && len(p.otherOwners(claim, view)) == 0 {
			out = append(out, claim.Name)
		}
	})
	return out
}

// foreign reports whether something but the set and its Pod controls a claim.
func (p *planner) foreign(claim *corev1.PersistentVolumeClaim, view *View) bool {
	owner := metav1.GetControllerOf(claim)
	return owner != nil && owner.UID != p.s.Set.UID && owner.UID != view.Pod.UID
}

// sameOwners compares by UID alone: other programs wrote the same owner with other fields.
func sameOwners(a, b []metav1.OwnerReference) bool {
	uids := func(list []metav1.OwnerReference) []string {
		out := make([]string, len(list))
		for i := range list {
			out[i] = string(list[i].UID)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(uids(a), uids(b))
}

// expands reports whether claims grow with the rollout.
func (p *planner) expands() bool {
	return p.s.Set.Spec.VolumeClaimUpdateStrategy.Type == v1beta1.OnPodRollingUpdateVolumeClaimUpdateStrategy
}

// claimsToGrow are the claims of an ordinal that ask for less than their templates do and can grow.
func (p *planner) claimsToGrow(ordinal int) []ChangeClaim {
	if !p.expands() {
		return nil
	}
	var out []ChangeClaim
	p.eachClaim(ordinal, func(template, claim *corev1.PersistentVolumeClaim) {
		if claim == nil || claim.DeletionTimestamp != nil {
			return
		}
		wanted, has := storage(template), storage(claim)
		if wanted.Cmp(has) > 0 && p.obstacleToGrowth(claim) == "" {
			out = append(out, ChangeClaim{
				Claim: claim, Storage: &wanted, OwnedBy: p.s.Set.Name,
				Reason: fmt.Sprintf("it is to grow from %s to %s", has.String(), wanted.String()),
			})
		}
	})
	return out
}

// obstacleToGrowth says why a claim cannot grow, "" when it can.
func (p *planner) obstacleToGrowth(claim *corev1.PersistentVolumeClaim) string {
	class := ptr.Deref(claim.Spec.StorageClassName, "")
	switch allowed, known := p.s.Expandable[class]; {
	case class == "":
		return "it has no StorageClass"
	case !known:
		return fmt.Sprintf("StorageClass %s does not exist", class)
	case !allowed:
		return fmt.Sprintf("StorageClass %s does not have allowVolumeExpansion: true", class)
	case claim.Status.Phase != corev1.ClaimBound:
		return "it is not bound yet"
	}
	return ""
}

// claimsGrowing reports whether a claim of an ordinal asks for more than it has. A claim whose file system grows when
// the Pod starts has all that it can get before.
func (p *planner) claimsGrowing(ordinal int) (growing bool) {
	if !p.expands() {
		return false
	}
	p.eachClaim(ordinal, func(template, claim *corev1.PersistentVolumeClaim) {
		if claim == nil || claim.Status.Phase != corev1.ClaimBound {
			return
		}
		wanted, asked, has := storage(template), storage(claim), claim.Status.Capacity[corev1.ResourceStorage]
		growing = growing || wanted.Cmp(has) > 0 && asked.Cmp(has) > 0 &&
			!claimCondition(claim, corev1.PersistentVolumeClaimFileSystemResizePending)
	})
	return growing
}

func claimCondition(claim *corev1.PersistentVolumeClaim, kind corev1.PersistentVolumeClaimConditionType) bool {
	return slices.ContainsFunc(claim.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// tellUnexpandable notes the claims of members that stay smaller than their templates.
func (p *planner) tellUnexpandable(members []*member) {
	if !p.expands() {
		return
	}
	for _, m := range members {
		p.eachClaim(m.Ordinal, func(template, claim *corev1.PersistentVolumeClaim) {
			if claim == nil {
				return
			}
			wanted, has := storage(template), storage(claim)
			if why := p.obstacleToGrowth(claim); wanted.Cmp(has) > 0 && why != "" {
				p.plan.Rollout.Unexpandable = append(p.plan.Rollout.Unexpandable,
					fmt.Sprintf("claim %s stays at %s instead of %s: %s", claim.Name, has.String(), wanted.String(), why))
			}
		})
	}
}
