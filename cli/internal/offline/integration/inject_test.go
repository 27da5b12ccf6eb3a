// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/cli/internal/offline"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
)

// ownAdmission are fields that the API server's own admission writes, and lists of metadata that it keeps.
var ownAdmission = [][]string{
	{"status"}, {"spec", "tolerations"}, {"spec", "priority"}, {"spec", "preemptionPolicy"},
	{"metadata", "uid"}, {"metadata", "generation"}, {"metadata", "creationTimestamp"}, {"metadata", "managedFields"},
}

// asText is a Pod without what the API server's own admission makes of it, as text.
func asText(pod map[string]any) string {
	GinkgoHelper()
	object := objectOf(pod)
	for _, path := range ownAdmission {
		unstructured.RemoveNestedField(object.Object, path...)
	}
	out, err := json.MarshalIndent(object.Object, "", " ")
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

var _ = Describe("inject", func() {
	It("makes of the Pods of the property tests what the API server stores, byte for byte", func(ctx SpecContext) {
		cases := corpus.Read(GinkgoTB(), corpus.Pods)
		var differ []string
		stored, injected := 0, 0
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			files, err := offline.Read([]string{"-"}, bytes.NewReader(manifests(cases[name])))
			Expect(err).NotTo(HaveOccurred())
			o := offline.Options{Namespace: "default", Now: now}
			handler, err := offline.NewInjector(files, o)
			Expect(err).NotTo(HaveOccurred())
			served.serve(map[string]admission.Handler{"Pod": handler})
			pods, err := offline.Inject(ctx, files, o)
			Expect(err).NotTo(HaveOccurred())
			Expect(pods).To(HaveLen(1), name)

			cluster.Warnings.Take()
			object := objectOf(cases[name].Object)
			err = cluster.Client.Create(ctx, object, client.DryRunAll)
			if apierrors.IsInvalid(err) {
				continue // a Pod that nobody would make; the webhook left it as it was
			}
			Expect(err).NotTo(HaveOccurred(), name)
			stored++
			if len(pods[0].Object["spec"].(map[string]any)["containers"].([]any)) > len(cases[name].Object["spec"].(map[string]any)["containers"].([]any)) {
				injected++
			}
			if got, want := asText(pods[0].Object), asText(object.Object); got != want {
				differ = append(differ, fmt.Sprintf("%s\ninject makes:\n%s\nthe API server stores:\n%s", name, got, want))
			}
			Expect(cluster.Warnings.Take()).To(Equal(pods[0].Warnings), name)
		}
		if len(differ) > 0 {
			Fail(strings.Join(differ, "\n"))
		}
		Expect(stored).To(BeNumerically(">", len(cases)/2), "Pods that the API server takes")
		Expect(injected).To(BeNumerically(">", len(cases)/4), "Pods with more containers than before")
	})
})
