// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// An object that another operator admitted under laxer rules must stay writable as long as nobody touches the field
// that is wrong by ours.
var _ = Describe("an object that breaks a rule which came after it", Serial, func() {
	const tooMany = `spec: {updateStrategy: {rollingUpdate: {maxUnavailable: "150%"}}}`

	It("can be changed elsewhere, but not in that field", func(ctx SpecContext) {
		strict := &apiextensionsv1.CustomResourceDefinition{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "statefulsets.apps.kruise.io"}, strict)).To(Succeed())
		replaceDefinition(ctx, withoutRules(strict))
		old := object(statefulSet, named("older-than-the-rule"), tooMany)
		Eventually(ctx, func() error { return k8s.Create(ctx, old.DeepCopy()) }).Should(Succeed())

		replaceDefinition(ctx, strict)
		Eventually(ctx, func() error {
			return k8s.Create(ctx, object(statefulSet, named("newer-than-the-rule"), tooMany), client.DryRunAll)
		}).ShouldNot(Succeed())

		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
		merge(old.Object, parse(`spec: {replicas: 5}`))
		Expect(k8s.Update(ctx, old)).To(Succeed())

		merge(old.Object, parse(`spec: {updateStrategy: {rollingUpdate: {maxUnavailable: "160%"}}}`))
		Expect(refusal(k8s.Update(ctx, old))).To(Equal(
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "160%": is "160%"; allowed are a number of Pods from 1 up, or a percentage from "1%" to "100%"`))
	})
})

// withoutRules is a definition that checks no rule on rollingUpdate.maxUnavailable.
func withoutRules(definition *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	lax := definition.DeepCopy()
	for _, version := range lax.Spec.Versions {
		root := version.Schema.OpenAPIV3Schema
		rollingUpdate := root.Properties["spec"].Properties["updateStrategy"].Properties["rollingUpdate"]
		maxUnavailable := rollingUpdate.Properties["maxUnavailable"]
		maxUnavailable.XValidations = nil
		rollingUpdate.Properties["maxUnavailable"] = maxUnavailable
	}
	return lax
}

// replaceDefinition makes the spec of a definition that of another.
func replaceDefinition(ctx SpecContext, wanted *apiextensionsv1.CustomResourceDefinition) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		current := &apiextensionsv1.CustomResourceDefinition{}
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(wanted), current); err != nil {
			return err
		}
		current.Spec = *wanted.Spec.DeepCopy()
		return k8s.Update(ctx, current)
	}).Should(Succeed())
}
