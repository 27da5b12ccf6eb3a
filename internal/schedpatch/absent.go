// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

const (
	// maxNear is how many workloads of nearly the same name are named.
	maxNear = 3
	// maxSlips is how many letters of a name may be wrong for it to be near.
	maxSlips = 2
)

// Near is a workload that a reference may have meant.
type Near struct{ APIVersion, Kind, Name string }

// Lookalikes are the kinds of workloads that people mistake for this one.
func Lookalikes(kind schema.GroupKind) []schema.GroupKind {
	return slices.DeleteFunc([]schema.GroupKind{
		{Group: "apps", Kind: "Deployment"},
		{Group: "apps", Kind: "StatefulSet"},
		{Group: "apps.kruise.io", Kind: "StatefulSet"},
		{Group: "apps.kruise.io", Kind: "CloneSet"},
		{Group: "batch", Kind: "CronJob"},
		{Group: "batch", Kind: "Job"},
	}, func(known schema.GroupKind) bool { return known == kind })
}

// NearNames are those of the names that may be a misspelt one, at most three, sorted.
func NearNames(name string, names []string) []string {
	var out []string
	for _, other := range names {
		if other != name && isNear(name, other) {
			out = append(out, other)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), maxNear)]
}

// isNear reports whether two names differ by few letters, or by a word at their end: cart and cart-v2. Short names
// differ by few letters from everything.
func isNear(a, b string) bool {
	if strings.HasPrefix(a, b+"-") || strings.HasPrefix(b, a+"-") {
		return true
	}
	return distance(a, b) <= min(maxSlips, min(len(a), len(b))/3)
}

// distance is how many letters have to be added, removed or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Absent says that the workload of a reference does not exist, and what may have been meant instead. It is a sentence
// without its full stop.
func Absent(target *v1alpha1.TargetReference, namespace string, near []Near) string {
	text := fmt.Sprintf("%s %s %s does not exist in namespace %s", target.APIVersion, target.Kind, target.Name, namespace)
	for i := range near {
		if near[i].Kind == target.Kind && near[i].Name == target.Name {
			return text + fmt.Sprintf("; there is one of %s: set targetRef.apiVersion to it", near[i].APIVersion)
		}
	}
	for i := range near {
		if near[i].Name == target.Name {
			return text + fmt.Sprintf("; there is a %s of this name: set targetRef.apiVersion to %s and targetRef.kind to %s",
				near[i].Kind, near[i].APIVersion, near[i].Kind)
		}
	}
	if len(near) == 0 {
		return text
	}
	var names []string
	for i := range near {
		names = append(names, near[i].Name)
	}
	return text + fmt.Sprintf("; there is %s %s: if that is meant, set targetRef.name to it", target.Kind, strings.Join(names, " or "))
}
