// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// A SidecarSet as a person would write it, by what is wrong with it.
const (
	withoutSelector = `
spec:
  containers:
  - {name: sidecar, image: example}`
	withEmptySelector = `
spec:
  selector: {}
  containers:
  - {name: sidecar, image: example}`
	withoutContainers = `
spec:
  selector: {matchLabels: {app: demo}}`
	withDuplicateContainer = `
spec:
  selector: {matchLabels: {app: demo}}
  containers:
  - {name: sidecar, image: example}
  - {name: sidecar, image: another}`
	withMountOfNoVolume = `
spec:
  selector: {matchLabels: {app: demo}}
  containers:
  - name: sidecar
    image: example
    volumeMounts:
    - {name: logs, mountPath: /logs}`
	withTooManyUnavailable = `
spec:
  selector: {matchLabels: {app: demo}}
  updateStrategy: {maxUnavailable: "150%"}
  containers:
  - {name: sidecar, image: example}`
)

var _ = Describe("The API server refuses", func() {
	for _, version := range []string{"v1beta1", "v1alpha1"} {
		DescribeTable("a SidecarSet of "+version, func(ctx SpecContext, manifest string, says ...string) {
			object := manifestOf(version, manifest)
			err := cluster.Client.Create(ctx, object)
			DeferCleanup(func(ctx SpecContext) {
				Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, object))).To(Succeed())
			})
			Expect(err).To(HaveOccurred())
			figure("refused", "%v", err)
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a refusal of the object, not a failure: %v", err)
			for _, what := range says {
				Expect(strings.ToLower(err.Error())).To(ContainSubstring(strings.ToLower(what)))
			}
		},
			Entry("without a selector", withoutSelector, "spec.selector", "required", "which Pods", "matchLabels"),
			Entry("with an empty selector", withEmptySelector, "spec.selector", "must not be empty", "matchLabels"),
			Entry("without containers", withoutContainers, "spec", "at least one", "containers", "initContainers"),
			Entry("with two containers of one name", withDuplicateContainer, "spec.containers[1]", "duplicate", "sidecar"),
			Entry("with a mount of no volume", withMountOfNoVolume, "spec.containers[0].volumeMounts[0].name", "logs", "not found", "spec.volumes", "there are none"),
			Entry("with maxUnavailable 150%", withTooManyUnavailable, "spec.updateStrategy.maxUnavailable", "150%", "100%"),
		)
	}
})

// manifestOf makes an object of a manifest's spec, as kubectl would.
func manifestOf(version, manifest string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal([]byte(manifest), &object.Object)).To(Succeed())
	object.SetAPIVersion("apps.kruise.io/" + version)
	object.SetKind("SidecarSet")
	object.SetName(fmt.Sprintf("e2e-invalid-%s", version))
	return object
}
