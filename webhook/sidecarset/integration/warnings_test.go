// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// said makes a write and returns what the API server warned of.
func said(write func() error) []string {
	GinkgoHelper()
	warnings.Take()
	Expect(write()).To(Succeed())
	return warnings.Take()
}

var _ = Describe("The answer to the write of a SidecarSet", func() {
	It("counts the Pods that bring a container of a sidecar's name", func(ctx SpecContext) {
		Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "named"}})).To(Succeed())
		for i, name := range []string{"app", "agent", "agent"} {
			Expect(k8s.Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "named", Name: fmt.Sprintf("web-%d", i), Labels: map[string]string{"app": "named"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: "own:1"}}},
			})).To(Succeed())
		}
		set := newSet("named", "named")
		set.Spec.Namespace = "named"
		warned := ContainElement("spec.containers: 2 live Pods, the first named/web-1, bring a container of a sidecar's name. Made anew, such Pods get " +
			"nothing of this set, or are refused where injection is enforced. Of named/web-1: its container \"agent\" has the name of a container of " +
			"this Pod; rename one of the two")
		Eventually(func() []string { // the webhook has to know the namespace
			return said(func() error { return k8s.Create(ctx, set.DeepCopy(), client.DryRunAll) })
		}, patience).Should(warned)
		store(ctx, set)
		Expect(said(func() error {
			set.Spec.Containers[0].Image = "agent:2"
			return k8s.Update(ctx, set)
		})).NotTo(warned)
	})

	It("names the fields that a client has dropped which does not know them", func(ctx SpecContext) {
		set := newSet("dropped", "dropped")
		set.Spec.UpdateStrategy.TopologyKey, set.Spec.UpdateStrategy.GracePeriodSeconds = "zone", 10
		set.Spec.RepairPolicy = v1beta1.RepairRecreate
		store(ctx, set)

		By("taking one out by hand")
		Expect(said(func() error {
			set.Spec.UpdateStrategy.GracePeriodSeconds = 0
			return k8s.Update(ctx, set)
		})).To(BeEmpty())
		By("writing the object without them")
		Expect(said(func() error {
			set.Spec.UpdateStrategy.TopologyKey, set.Spec.RepairPolicy = "", ""
			return k8s.Update(ctx, set)
		})).To(ConsistOf("spec: this write takes out updateStrategy.topologyKey (was zone; now no order of zones), repairPolicy (was Recreate; now " +
			"None). A client that does not know those fields, such as OpenKruise's typed one, drops them when it updates the whole object: if nobody " +
			"meant it, apply the manifest again, and have that client patch instead"))
	})
})

// YAML reads Off without quotes as false, and that is what the API server gets. It is refused with the words that are
// allowed, in quotes; there is no second word for it.
var _ = Describe("imagePreDownload.policy Off without quotes", func() {
	It("is refused with the words that are allowed", func(ctx SpecContext) {
		set := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal([]byte(`
apiVersion: apps.kruise.io/v1beta1
kind: SidecarSet
metadata: {name: unquoted}
spec:
  selector: {matchLabels: {app: unquoted}}
  containers: [{name: agent, image: "agent:1"}]
  updateStrategy:
    imagePreDownload: {policy: Off}
`), &set.Object)).To(Succeed())
		Expect(k8s.Create(ctx, set.DeepCopy(), client.DryRunAll)).To(MatchError(ContainSubstring(
			`spec.updateStrategy.imagePreDownload.policy: Unsupported value: false: supported values: "Off", "FirstNode", "EveryNode"`)))
		Expect(k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(set), client.FieldOwner("test"), client.DryRunAll)).To(MatchError(
			ContainSubstring(`.spec.updateStrategy.imagePreDownload.policy: expected string, got &value.valueUnstructured{Value:false}`)))
	})
})
