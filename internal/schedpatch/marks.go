// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Mark is a patch that a Pod carries.
type Mark struct {
	// Name of the SchedPatch, and Hash of the rules as they were when the Pod was created.
	Name, Hash string
}

// String writes a mark as Pods carry it.
func (m Mark) String() string { return m.Name + "@" + m.Hash }

// Applied reads which patches a Pod says it carries, in the order in which they were applied. What is not written as a
// mark is passed over.
func Applied(podAnnotations map[string]string) []Mark {
	text := podAnnotations[v1beta1.SchedPatchesAnnotation]
	if text == "" {
		return nil
	}
	var out []Mark
	for entry := range strings.SplitSeq(text, ",") {
		if name, hash, ok := strings.Cut(entry, "@"); ok && name != "" && hash != "" {
			out = append(out, Mark{Name: name, Hash: hash})
		}
	}
	return out
}

// Carries reports whether a Pod says that it carries the patch as it is now.
func (p *Patch) Carries(podAnnotations map[string]string) bool {
	for _, mark := range Applied(podAnnotations) {
		if mark == p.mark() {
			return true
		}
	}
	return false
}

func (p *Patch) mark() Mark { return Mark{Name: p.Name(), Hash: p.hash} }

// Marks are what a Pod is to carry after a merge: the value of the annotation, with what it carries already, and the
// labels to add. None without a patch that is applied.
func Marks(podAnnotations map[string]string, results []Result) (annotation string, labels map[string]string) {
	carried := Applied(podAnnotations)
	for i := range results {
		if results[i].Outcome != OutcomeApplied {
			continue
		}
		patch := results[i].Patch
		carried = withMark(carried, patch.mark())
		if labels == nil {
			labels = map[string]string{}
		}
		key, value := patch.Label()
		labels[key] = value
	}
	if labels == nil {
		return "", nil
	}
	entries := make([]string, 0, len(carried))
	for _, mark := range carried {
		entries = append(entries, mark.String())
	}
	return strings.Join(entries, ","), labels
}

// withMark adds a mark in place of another one of the same patch.
func withMark(marks []Mark, mark Mark) []Mark {
	for i := range marks {
		if marks[i].Name == mark.Name {
			marks[i] = mark
			return marks
		}
	}
	return append(marks, mark)
}

// nameHashLength is how many characters stand for a name: 160 bits, so that no two names ever share a label.
const nameHashLength = 40

// LabelKey is the key of the label of Pods that carry the patch of this name. A name that is too long for a label's key
// is replaced by a hash of it.
func LabelKey(name string) string {
	if len(name) > validation.LabelValueMaxLength {
		name = digest([]byte(name))[:nameHashLength]
	}
	return v1beta1.SchedPatchLabelPrefix + name
}
