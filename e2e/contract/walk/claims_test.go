// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/contract"
)

// reader reads objects of one kind as tools do.
type reader struct {
	own string
	// builtin is "" for kinds for which Argo CD brings no script along.
	builtin string
}

func readerOf(kind string) *reader {
	GinkgoHelper()
	own, err := contract.HealthScript(contract.Own(root, kind))
	Expect(err).NotTo(HaveOccurred())
	r := &reader{own: own}
	if kind == "StatefulSet" {
		directory, err := contract.Builtin(root, kind)
		Expect(err).NotTo(HaveOccurred())
		r.builtin, err = contract.HealthScript(directory)
		Expect(err).NotTo(HaveOccurred())
	}
	return r
}

// reading is what tools read of one version of an object.
type reading struct{ KStatus, Own, Builtin string }

func (r reading) String() string {
	return fmt.Sprintf("kstatus %s, Argo CD %s, with its own script %s", r.KStatus, r.Own, r.Builtin)
}

func (r *reader) read(object *unstructured.Unstructured) reading {
	GinkgoHelper()
	status, err := contract.KStatus(object)
	Expect(err).NotTo(HaveOccurred())
	out := reading{KStatus: status, Own: contract.CheckHealth(r.own, object).Status, Builtin: "-"}
	if r.builtin != "" {
		out.Builtin = contract.CheckHealth(r.builtin, object).Status
	}
	return out
}

// claims tells which of the tools take the object for done, or for resting where somebody wants it to.
func (r reading) claims() (claims []string) {
	if r.KStatus == contract.Done {
		claims = append(claims, "kstatus "+r.KStatus)
	}
	if r.Own == contract.Healthy || r.Own == contract.Suspended {
		claims = append(claims, "Argo CD "+r.Own)
	}
	if r.Builtin == contract.Healthy {
		claims = append(claims, "Argo CD, with its own script, "+r.Builtin)
	}
	return claims
}

// condition is a condition's status and reason, "" when there is none.
func condition(object *unstructured.Unstructured, kind string) (status, reason string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			return fmt.Sprint(c["status"]), fmt.Sprint(c["reason"])
		}
	}
	return "", ""
}

// truth tells in which ways an object is not what it is to be, none when it is. It is given a version of the object and
// all that had happened by then.
type truth func(before []event, object *unstructured.Unstructured) (wrongs []string)

// expectTruth goes through all versions of an object. At none may a tool have taken it for done when it was not, and
// Ready may not have gone back and forth.
func expectTruth(h *history, object client.Object, wrongs truth) {
	GinkgoHelper()
	kind, err := k8s.GroupVersionKindFor(object)
	Expect(err).NotTo(HaveOccurred())
	r := readerOf(kind.Kind)
	var story, mistakes []string
	for _, e := range h.of(object) {
		read := r.read(e.object)
		status, reason := condition(e.object, "Ready")
		line := fmt.Sprintf("version %d, generation %d, Ready=%s %s: %s", e.version, e.object.GetGeneration(), status, reason, read)
		story = append(story, line)
		if claims := read.claims(); len(claims) > 0 {
			if wrong := wrongs(h.until(e.version), e.object); len(wrong) > 0 {
				mistakes = append(mistakes, fmt.Sprintf("%s\n  says %s, although %s", line, strings.Join(claims, " and "), strings.Join(wrong, ", ")))
			}
		}
	}
	AddReportEntry("versions", strings.Join(story, "\n"), ReportEntryVisibilityFailureOrVerbose)
	Expect(mistakes).To(BeEmpty(), strings.Join(mistakes, "\n"))
	for generation, statuses := range h.flips(object) {
		Expect(slices.Compact(slices.Sorted(slices.Values(statuses)))).To(HaveLen(len(statuses)), "Ready became %v at generation %d", statuses, generation)
	}
}

// flips are what the condition Ready became, by generation.
func (h *history) flips(object client.Object) map[int64][]string {
	out, before := map[int64][]string{}, ""
	for _, e := range h.of(object) {
		if status, _ := condition(e.object, "Ready"); status != before {
			out[e.object.GetGeneration()] = append(out[e.object.GetGeneration()], status)
			before = status
		}
	}
	return out
}
