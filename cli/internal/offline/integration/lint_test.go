// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
)

// said is what whoever creates an object is told.
type said struct{ Errors, Warnings []string }

// linted is what lint says of the last of some documents.
func linted(ctx SpecContext, text []byte, o offline.LintOptions) said {
	GinkgoHelper()
	all, err := offline.Lint(ctx, documents(text), o)
	Expect(err).NotTo(HaveOccurred())
	last := all[len(all)-1]
	return said{last.Errors, last.Warnings}.sorted()
}

// sorted has no order of errors: the schema's come in any.
func (s said) sorted() said {
	slices.Sort(s.Errors)
	return s
}

// created is what the API server says of the last of some documents, whose webhooks know those before it.
func created(ctx SpecContext, text []byte, o offline.LintOptions) said {
	GinkgoHelper()
	all := documents(text)
	object := all[len(all)-1].Object.DeepCopy()
	handlers, err := offline.NewHandlers(all, o)
	Expect(err).NotTo(HaveOccurred())
	before, err := offline.Lint(ctx, documents(text), o)
	Expect(err).NotTo(HaveOccurred())
	refused := map[string]bool{}
	for _, linted := range before {
		refused[linted.Name] = len(linted.Errors) > 0
	}
	for _, document := range all[:len(all)-1] {
		if document.Object.GetKind() == "SidecarSet" && !refused[document.Object.GetName()] {
			set := &v1beta1.SidecarSet{}
			raw, err := document.Object.MarshalJSON()
			Expect(err).NotTo(HaveOccurred())
			Expect(json.Unmarshal(raw, set)).To(Succeed())
			Expect(handlers.Stored.Put(set)).To(Succeed())
		}
	}
	served.serve(handlers.ByKind)
	ensure(ctx, object)
	cluster.Warnings.Take()
	err = cluster.Client.Create(ctx, object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
	return said{refusals(err), cluster.Warnings.Take()}.sorted()
}

// ensure puts an object where kubectl would, and sees to it that its namespace is there.
func ensure(ctx SpecContext, object *unstructured.Unstructured) {
	GinkgoHelper()
	if object.GetKind() == "SidecarSet" {
		object.SetNamespace("")
		return
	}
	if object.GetNamespace() == "" {
		object.SetNamespace("default")
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.GetNamespace()}}
	err := cluster.Client.Create(ctx, namespace)
	Expect(err == nil || apierrors.IsAlreadyExists(err)).To(BeTrue(), "%v", err)
}

// refusals are those of an answer: its causes, each behind its field, or else its message.
func refusals(err error) []string {
	GinkgoHelper()
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	Expect(errors.As(err, &status)).To(BeTrue(), "%v", err)
	details := status.Status().Details
	if details == nil || len(details.Causes) == 0 {
		return []string{status.Status().Message}
	}
	out := make([]string, len(details.Causes))
	for i, cause := range details.Causes {
		out[i] = cause.Field + ": " + cause.Message
	}
	return out
}

// options are those of a case.
func options(kept corpus.Case) offline.LintOptions {
	GinkgoHelper()
	out := offline.LintOptions{Options: offline.Options{Namespace: "default", Now: now}}
	for text, into := range map[string]*string{kept.Policy: &out.Policy, kept.PatchRules: &out.PatchRules} {
		if text != "" {
			*into = filepath.Join(GinkgoT().TempDir(), "file")
			Expect(os.WriteFile(*into, []byte(text), 0o600)).To(Succeed())
		}
	}
	return out
}

var _ = Describe("lint", func() {
	for _, file := range []string{corpus.SidecarSets, corpus.StatefulSets, corpus.SchedPatches, corpus.SchedPatchRules} {
		It("says of every case of "+file+" what the API server says", func(ctx SpecContext) {
			cases := corpus.Read(GinkgoTB(), file)
			var differ []string
			for _, name := range slices.Sorted(maps.Keys(cases)) {
				kept := cases[name]
				text, o := manifests(kept), options(kept)
				if _, err := offline.NewHandlers(nil, o); err != nil {
					continue // lint refuses a file of the administrator's that the webhook has to live with
				}
				got, want := linted(ctx, text, o), created(ctx, text, o)
				if match, _ := Equal(want).Match(got); !match {
					differ = append(differ, fmt.Sprintf("%s\nlint says:\n%s\nthe API server says:\n%s\nof %s", name, lines(got), lines(want), text))
				}
			}
			if len(differ) > 0 {
				Fail(fmt.Sprintf("%d of %d differ:\n%s", len(differ), len(cases), strings.Join(differ, "\n")))
			}
		})
	}
})

func lines(s said) string {
	return "  " + strings.Join(append(slices.Clone(s.Errors), s.Warnings...), "\n  ")
}
