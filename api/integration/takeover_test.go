// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Objects that OpenKruise wrote must be accepted as they are, lose nothing, and be writable again without a change.
var _ = DescribeTable("an object of OpenKruise stays valid and whole", func(ctx SpecContext, file string) {
	for _, recorded := range recordedObjects(file) {
		created := asNew(recorded, file)
		Expect(k8s.Create(ctx, created)).To(Succeed())
		Expect(created.Object["spec"]).To(containAllOf(recorded.Object["spec"]), recorded.GetName())

		withStatus := created.DeepCopy()
		withStatus.Object["status"] = recorded.Object["status"]
		Expect(k8s.Status().Update(ctx, withStatus)).To(Succeed())
		Expect(withStatus.Object["status"]).To(BeComparableTo(recorded.Object["status"]), recorded.GetName())

		again := withStatus.DeepCopy()
		Expect(k8s.Update(ctx, again)).To(Succeed())
		Expect(again.GetGeneration()).To(Equal(withStatus.GetGeneration()), recorded.GetName())
		Expect(again.GetResourceVersion()).To(Equal(withStatus.GetResourceVersion()), recorded.GetName())
	}
},
	Entry("SidecarSets after creation", "created-sidecarsets.json"),
	Entry("SidecarSets in mid-rollout", "midway-sidecarsets.json"),
	Entry("StatefulSets after creation", "created-statefulsets.json"),
	Entry("StatefulSets in mid-rollout", "midway-statefulsets.json"),
)

var _ = Describe("a condition as OpenKruise writes it, without reason", func() {
	It("is accepted in a status", func(ctx SpecContext) {
		created := object(statefulSet, named("condition"))
		Expect(k8s.Create(ctx, created)).To(Succeed())
		merge(created.Object, parse(`status: {conditions: [{type: FailedCreatePod, status: "True", message: refused}]}`))
		Expect(k8s.Status().Update(ctx, created)).To(Succeed())

		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(created), created)).To(Succeed())
		Expect(created.Object["status"]).To(HaveKeyWithValue("conditions", HaveLen(1)))
	})
})

func recordedObjects(file string) []unstructured.Unstructured {
	content, err := os.ReadFile(filepath.Join("..", "testdata", "openkruise", file))
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	list := &unstructured.UnstructuredList{}
	ExpectWithOffset(1, list.UnmarshalJSON(content)).To(Succeed())
	ExpectWithOffset(1, list.Items).NotTo(BeEmpty())
	return list.Items
}

// asNew is a recorded object under a name and namespace of this suite, without what only the server may write.
func asNew(recorded unstructured.Unstructured, file string) *unstructured.Unstructured {
	fresh := recorded.DeepCopy()
	fresh.Object["metadata"] = map[string]any{}
	fresh.SetName(string(file[0]) + "-taken-over-" + recorded.GetName())
	if recorded.GetNamespace() != metav1.NamespaceNone {
		fresh.SetNamespace(namespace)
	}
	return fresh
}
