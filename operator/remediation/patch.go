// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

const (
	// fieldName is the only field that node affinity can ask for.
	fieldName = "metadata.name"
	// preference is the weight by which other nodes are preferred.
	preference = 100
	// grace is how much longer than its last exclusion a SchedPatch is good for: until then it is us who lift it.
	grace = time.Minute
)

// PatchName names the SchedPatch of a StatefulSet's auto remediation.
func PatchName(set string) string { return set + "-remediation" }

func (s *Snapshot) patchName() string { return PatchName(s.Set.Name) }

// render brings the SchedPatch to what the record says, if it is not so.
func (p *planner) render() {
	if p.plan.failingEverywhere() == nil { // then nothing may be forgotten that the diagnosis rests on
		p.record.prune(p.s.Now)
	}
	if p.record.Empty() {
		p.plan.Remove = p.s.Patch != nil
		return
	}
	wanted := p.s.patchFor(p.record)
	if stored := p.s.Patch; stored == nil || !equality.Semantic.DeepEqual(stored.Spec, wanted.Spec) ||
		stored.Annotations[v1beta1.RemediationExclusionsAnnotation] != wanted.Annotations[v1beta1.RemediationExclusionsAnnotation] {
		p.plan.Write = wanted
		p.plan.Ask, p.plan.Delete = false, nil // only what is stored counts
	}
}

// patchFor is the SchedPatch that puts a record into force. When no node is excluded any more it has expired and only
// keeps the record.
func (s *Snapshot) patchFor(record *Record) *v1alpha1.SchedPatch {
	out := &v1alpha1.SchedPatch{ObjectMeta: metav1.ObjectMeta{Namespace: s.Set.Namespace, Name: s.patchName()}}
	if s.Patch != nil {
		out = s.Patch.DeepCopy()
	} else {
		out.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.Set, v1beta1.GroupVersion.WithKind("StatefulSet"))}
	}
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, v1beta1.RemediationExclusionsAnnotation, record.String())
	entries := record.actives(s.Now)
	end := latest(entries, grace)
	if len(entries) == 0 {
		entries, end = ended(record), s.over()
	}
	out.Spec = v1alpha1.SchedPatchSpec{
		TargetRef:  v1alpha1.TargetReference{APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: s.Set.Name},
		Mode:       v1alpha1.SchedPatchActive,
		OnConflict: v1alpha1.SchedPatchConflictSkip,
		ExpiresAt:  &end,
		Affinity:   s.affinity(entries),
	}
	return out
}

// over is an end in the past: the one that is stored if there is one.
func (s *Snapshot) over() metav1.Time {
	if s.Patch != nil && s.Patch.Spec.ExpiresAt != nil && !s.Patch.Spec.ExpiresAt.After(s.Now) {
		return *s.Patch.Spec.ExpiresAt
	}
	return s.now()
}

// ended are all entries, of which none is in force: a SchedPatch without any rule is not allowed.
func ended(record *Record) []*Exclusion {
	var out []*Exclusion
	for i := range record.Exclusions {
		out = append(out, &record.Exclusions[i])
	}
	return out
}

func latest(entries []*Exclusion, slack time.Duration) metav1.Time {
	end := metav1.Time{}
	for _, e := range entries {
		if end.Before(&e.Expires) {
			end = e.Expires
		}
	}
	return later(end.Time, slack)
}

// affinity keeps Pods off some nodes, or lets them prefer others.
func (s *Snapshot) affinity(entries []*Exclusion) *corev1.Affinity {
	return affinityFor(entries, s.required())
}

func affinityFor(entries []*Exclusion, required bool) *corev1.Affinity {
	if len(entries) == 0 {
		// Nothing but attempts is remembered. Every node has a name, so this rule says nothing.
		named := []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpExists}}
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight: 1, Preference: corev1.NodeSelectorTerm{MatchExpressions: named},
			}},
		}}
	}
	term := exclusionTerm(entries)
	if !required {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: preference, Preference: term}},
		}}
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}},
	}}
}

// required reports whether excluded nodes are out, rather than the last resort. Karpenter starts no node for Pods that
// demand something of a hostname.
func (s *Snapshot) required() bool {
	switch s.settings().ExclusionMode {
	case v1beta1.ExclusionModeRequired:
		return true
	case v1beta1.ExclusionModePreferred:
		return false
	}
	return !s.Karpenter
}

// exclusionTerm matches all nodes but some, by their hostname labels and, where that would not do, by their names: one
// requirement for each, since node affinity takes no more than one name.
func exclusionTerm(entries []*Exclusion) corev1.NodeSelectorTerm {
	term, hostnames := corev1.NodeSelectorTerm{}, []string(nil)
	for _, e := range entries {
		if e.Hostname != "" {
			hostnames = append(hostnames, e.Hostname)
			continue
		}
		term.MatchFields = append(term.MatchFields, corev1.NodeSelectorRequirement{
			Key: fieldName, Operator: corev1.NodeSelectorOpNotIn, Values: []string{e.Node},
		})
	}
	if len(hostnames) > 0 {
		term.MatchExpressions = []corev1.NodeSelectorRequirement{
			{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: unique(hostnames)},
		}
	}
	return term
}

// excludes reports whether the affinity of a SchedPatch keeps Pods off a node, or lets them prefer others.
func excludes(affinity *corev1.Affinity, e *Exclusion) bool {
	if affinity == nil || affinity.NodeAffinity == nil {
		return false
	}
	var terms []corev1.NodeSelectorTerm
	if required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		terms = append(terms, required.NodeSelectorTerms...)
	}
	for i := range affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		terms = append(terms, affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution[i].Preference)
	}
	return slices.ContainsFunc(terms, func(t corev1.NodeSelectorTerm) bool { return termExcludes(&t, e) })
}

func termExcludes(term *corev1.NodeSelectorTerm, e *Exclusion) bool {
	if e.Hostname == "" {
		return slices.ContainsFunc(term.MatchFields, rules(fieldName, e.Node))
	}
	return slices.ContainsFunc(term.MatchExpressions, rules(corev1.LabelHostname, e.Hostname))
}

func rules(key, value string) func(corev1.NodeSelectorRequirement) bool {
	return func(r corev1.NodeSelectorRequirement) bool {
		return r.Key == key && r.Operator == corev1.NodeSelectorOpNotIn && slices.Contains(r.Values, value)
	}
}
