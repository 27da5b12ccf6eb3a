// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"cmp"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

const (
	// maxChangedPods is how many Pods the status lists.
	maxChangedPods = 100
	// maxStatusBytes is how large a status may be, encoded as JSON.
	maxStatusBytes = 32 << 10
)

// makeStatus computes the whole status from what was seen and planned.
func makeStatus(s *Snapshot, plan *Plan) *v1alpha1.SchedPatchStatus {
	status := s.Object.Status.DeepCopy()
	status.ObservedGeneration = s.Object.Generation
	status.MatchedPods, status.PatchedPods, status.SkippedPods = int32(len(s.Pods)), int32(len(plan.Patched)), int32(len(plan.Skipped))
	status.ActiveSince = &plan.Since
	status.ChangedPods = newest(plan.Patched)
	status.Preview = makePreview(s, plan.NewPods)
	status.ExpiresAt = nil
	if end, ends := s.Patch.ExpiresAt(); ends {
		status.ExpiresAt = &end
	}
	setConditions(&status.Conditions, s, classify(s, plan))
	summarize(status, metav1.NewTime(s.Now))
	fit(status)
	status.Truncated = len(status.ChangedPods) < len(plan.Patched)
	return status
}

// summarize writes what the column STATUS shows: the reason of Ready.
func summarize(status *v1alpha1.SchedPatchStatus, now metav1.Time) {
	text := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady).Reason
	if meta.IsStatusConditionTrue(status.Conditions, v1beta1.ConditionStalled) {
		text = report.WithCause("Stalled", text)
	}
	next := report.Summary{Text: status.Summary, Since: status.SummarySince}.Next(text, now)
	status.Summary, status.SummarySince = next.Text, next.Since
}

// newest lists the Pods created last, the very last one first.
func newest(patched []PatchedPod) []v1alpha1.ChangedPod {
	patched = slices.SortedFunc(slices.Values(patched), func(a, b PatchedPod) int {
		if order := b.Pod.CreationTimestamp.Compare(a.Pod.CreationTimestamp.Time); order != 0 {
			return order
		}
		return cmp.Compare(a.Pod.Name, b.Pod.Name)
	})
	patched = patched[:min(len(patched), maxChangedPods)]
	var out []v1alpha1.ChangedPod
	for _, p := range patched {
		out = append(out, v1alpha1.ChangedPod{
			Name: p.Pod.Name, UID: p.Pod.UID, Time: p.Pod.CreationTimestamp, Hash: p.Hash, Node: p.Pod.Spec.NodeName,
		})
	}
	return out
}

// fit makes the status small enough. Pods are left out first, the oldest of the list first; then of a preview what is
// largest.
func fit(status *v1alpha1.SchedPatchStatus) {
	excess := sizeOf(status) - maxStatusBytes
	for last := len(status.ChangedPods) - 1; excess > 0 && last >= 0; last-- {
		excess -= sizeOf(status.ChangedPods[last]) + 1
		status.ChangedPods = status.ChangedPods[:last]
	}
	if status.Preview == nil {
		return
	}
	for _, cut := range []func(*v1alpha1.SchedPatchPreviewStatus){
		func(p *v1alpha1.SchedPatchPreviewStatus) {
			p.Affinity, p.Warnings = nil, append(p.Warnings, "The result is too large to be shown here in full.")
		},
		func(p *v1alpha1.SchedPatchPreviewStatus) { p.Tolerations = nil },
		func(p *v1alpha1.SchedPatchPreviewStatus) { p.NodeSelector = nil },
	} {
		if sizeOf(status) > maxStatusBytes {
			cut(status.Preview)
		}
	}
}

func sizeOf(value any) int {
	data, err := json.Marshal(value)
	if err != nil {
		return 0 // API types are always encoded
	}
	return len(data)
}

// invalidStatus is that of a patch that cannot be used as it is. Counters stay as they were: nothing was counted.
func invalidStatus(object *v1alpha1.SchedPatch, err error, now metav1.Time) *v1alpha1.SchedPatchStatus {
	status := object.Status.DeepCopy()
	status.ObservedGeneration = object.Generation
	status.Preview = nil
	report.SetConditions(&status.Conditions, object.Generation, now, report.InvalidSpec(err.Error(), err.Error())...)
	summarize(status, now)
	return status
}
