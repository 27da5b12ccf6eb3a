// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Here no webhook answers, as while it is away. An operator that reads such a number out of a list could not decode that
// list, and would see no set at all.
var _ = Describe("Numbers that no operator can read", func() {
	texts := map[string]string{
		"StatefulSet": `{"apiVersion": "apps.kruise.io/v1beta1", "kind": "StatefulSet", "metadata": {"namespace": "default", "generateName": "large-"}, "spec": {
			"replicas": 0, "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"b": "1"}},
			"template": {"metadata": {"labels": {"b": "1"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}}}`,
		"SidecarSet": `{"apiVersion": "apps.kruise.io/v1beta1", "kind": "SidecarSet", "metadata": {"generateName": "large-"}, "spec": {
			"selector": {"matchLabels": {"b": "1"}}, "containers": [{"name": "a", "image": "a"}]}}`,
	}
	for _, field := range []string{
		"SidecarSet updateStrategy.maxUnavailable", "SidecarSet updateStrategy.partition", "SidecarSet updateStrategy.maxUnavailablePerWorkload",
		"SidecarSet updateStrategy.minReadySeconds", "SidecarSet updateStrategy.gracePeriodSeconds", "SidecarSet progressDeadlineSeconds",
		"SidecarSet revisionHistoryLimit", "SidecarSet lifecycle.inPlaceUpdate.timeoutSeconds",
		"StatefulSet replicas", "StatefulSet updateStrategy.rollingUpdate.maxUnavailable", "StatefulSet updateStrategy.rollingUpdate.partition",
		"StatefulSet updateStrategy.rollingUpdate.minReadySeconds",
		"StatefulSet scaleStrategy.maxUnavailable", "StatefulSet autoRemediation.maxExcludedNodes", "StatefulSet autoRemediation.stuckSeconds",
		"StatefulSet updateStrategy.rollingUpdate.inPlaceUpdateStrategy.gracePeriodSeconds",
		"StatefulSet updateStrategy.rollingUpdate.inPlaceUpdateStrategy.imagePreDownloadParallelism",
		"StatefulSet updateStrategy.rollingUpdate.inPlaceUpdateStrategy.imagePreDownloadTimeoutSeconds",
		"StatefulSet updateStrategy.rollingUpdate.inPlaceUpdateStrategy.imagePreDownloadMinUpdatedReadyPods",
		"StatefulSet reserveOrdinals",
	} {
		It("are not stored: "+field, func(ctx SpecContext) {
			kind, path, _ := strings.Cut(field, " ")
			object := &unstructured.Unstructured{}
			Expect(json.Unmarshal([]byte(texts[kind]), &object.Object)).To(Succeed())
			value := any(int64(1) << 31)
			if path == "reserveOrdinals" {
				value = []any{value}
			}
			Expect(unstructured.SetNestedField(object.Object, value, append([]string{"spec"}, strings.Split(path, ".")...)...)).To(Succeed())
			Expect(k8s.Create(ctx, object)).To(MatchError(And(ContainSubstring("spec."+path), SatisfyAny(
				ContainSubstring("should be less than or equal to"), ContainSubstring("format int32"),
			))))
		})
	}
})
