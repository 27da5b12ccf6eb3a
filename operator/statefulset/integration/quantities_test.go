// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Here no webhook answers, as while it is away. An operator that reads such a quantity out of a list could not decode
// that list, and would end each time.
var _ = Describe("Quantities that would cost the operator its memory", func() {
	withCPU := func(kind, cpu string) *unstructured.Unstructured {
		text := fmt.Sprintf(`{"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet", "metadata": {"namespace": "default", "generateName": "bomb-"}, "spec": {
			"replicas": 0, "selector": {"matchLabels": {"b": "1"}}, "template": {"metadata": {"labels": {"b": "1"}}, "spec": {"volumes": null, "overhead": null, "containers": [
				{"name": "a", "image": "a", "env": [{"name": "E", "value": "1e200000000"}], "resources": {"requests": {"cpu": %s, "memory": null}, "limits": null}}]}},
			"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": %[1]s}}}}]}}`, cpu)
		if kind == "SidecarSet" {
			text = fmt.Sprintf(`{"apiVersion": "apps.kruise.io/v1beta1", "kind": "SidecarSet", "metadata": {"generateName": "bomb-"}, "spec": {
				"selector": {"matchLabels": {"b": "1"}}, "containers": [{"name": "a", "image": "a", "resources": {"requests": {"cpu": %s}}}]}}`, cpu)
		}
		object := &unstructured.Unstructured{}
		Expect(json.Unmarshal([]byte(text), &object.Object)).To(Succeed())
		return object
	}
	for _, kind := range []string{"StatefulSet", "SidecarSet"} {
		for _, cpu := range []string{`"1e200000000"`, `"1e-2147483647"`, `"12345678901234567890e2147483647"`, `"1e+31"`, `"0.5E31"`, `"1000000000000000000000000000000000000000000000000000000000000000000"`} {
			It("are not stored: "+kind+" with "+cpu, func(ctx SpecContext) {
				err := k8s.Create(ctx, withCPU(kind, cpu))
				Expect(err).To(MatchError(SatisfyAny(ContainSubstring("resources.requests.cpu in body should match"), ContainSubstring("resources.requests.cpu: Too long"))))
			})
		}
		for _, cpu := range []string{`"100m"`, `2`, `0.5`, `" 1 "`, `"1Ei"`, `"1E"`, `"1e3"`, `"1.5e-3"`, `"1E+30"`, `null`} {
			It("are not taken for others: "+kind+" with "+cpu, func(ctx SpecContext) {
				object := withCPU(kind, cpu)
				Expect(k8s.Create(ctx, object)).To(Succeed())
				Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
			})
		}
	}
})
