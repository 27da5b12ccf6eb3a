// SPDX-License-Identifier: Apache-2.0

package fixedpoint

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const overlays = "manifests/overlays/"

// documented is what the API server fills into the manifests: all of it is named in examples/README.md. Of our own
// kinds it is the status that says that no one has looked yet and, of a SidecarSet, the annotations with its hashes.
func documented(overlay string) []string {
	return []string{
		"Namespace shop-" + overlay + `: metadata.labels.kubernetes.io/metadata.name: (absent) -> "shop-` + overlay + `"`,
		"Namespace shop-" + overlay + `: spec.finalizers[0]: (absent) -> "kubernetes"`,
		"Namespace shop-" + overlay + `: status.phase: (absent) -> "Active"`,
		`SchedPatch ledger-on-spot: status.observedGeneration: (absent) -> -1`,
		`Service ledger: spec.clusterIPs[0]: (absent) -> "None"`,
		`Service ledger: spec.internalTrafficPolicy: (absent) -> "Cluster"`,
		`Service ledger: spec.ipFamilies[0]: (absent) -> "IPv4"`,
		`Service ledger: spec.ipFamilyPolicy: (absent) -> "SingleStack"`,
		`Service ledger: status.loadBalancer: (absent) -> {}`,
		"SidecarSet gateway-" + overlay + `: metadata.annotations.kruise.io/sidecarset-hash: (absent) -> a hash`,
		"SidecarSet gateway-" + overlay + `: metadata.annotations.kruise.io/sidecarset-hash-without-image: (absent) -> a hash`,
		"SidecarSet gateway-" + overlay + `: status.observedGeneration: (absent) -> -1`,
		`StatefulSet ledger: status.observedGeneration: (absent) -> -1`,
	}
}

var _ = Describe("The manifests of", Ordered, func() {
	for _, overlay := range []string{"staging", "production"} {
		Describe(overlay, Ordered, func() {
			var objects []*unstructured.Unstructured

			BeforeAll(func() { objects = build(overlays + overlay) })

			It("come back from a dry run as they were sent, but for what is documented", func(ctx SpecContext) {
				var filled []string
				for _, object := range objects {
					returned := object.DeepCopy()
					Expect(k8s.Create(ctx, returned, client.DryRunAll, client.FieldValidation("Strict"))).To(Succeed())
					filled = append(filled, filledIn(object, returned)...)
					if object.GetKind() == "Namespace" {
						// What a dry run makes is nowhere, and the others need it.
						run("apply", "-f", examplesDir+"/"+overlays+overlay+"/platform/namespace.yaml")
					}
				}
				Expect(filled).To(ConsistOf(documented(overlay)))
			})

			DescribeTable("change nothing when they are applied again", func(ctx SpecContext, flags ...string) {
				apply := append([]string{"apply", "-k", examplesDir + "/" + overlays + overlay}, flags...)
				run(apply...)
				before := versions(ctx, objects)
				Expect(before).To(HaveLen(len(objects)))
				run(apply...)
				Expect(versions(ctx, objects)).To(Equal(before))
			},
				Entry("by a three-way merge"),
				Entry("by the server", "--server-side", "--field-manager=gitops", "--force-conflicts"),
			)

			It("show no difference to what is stored", func() {
				Expect(run("diff", "-k", examplesDir+"/"+overlays+overlay)).To(Equal([]string{""}))
			})
		})
	}
})

var _ = DescribeTable("The objects of GitOps tools have no field that the tool does not know, and apply twice without a change",
	func(ctx SpecContext, directory string, namespaces ...string) {
		for _, name := range namespaces {
			namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
			namespace.SetName(name)
			Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, namespace))).To(Succeed())
		}
		objects := build(directory)
		apply := []string{"apply", "--validate=strict", "-k", examplesDir + "/" + directory}
		run(apply...)
		before := versions(ctx, objects)
		run(apply...)
		Expect(versions(ctx, objects)).To(Equal(before))
	},
	Entry("Argo CD", "argocd", "argocd"),
	Entry("Flux", "flux", "flux-system"),
	Entry("Flux, the release", "flux/windlass", "flux-system"),
)
