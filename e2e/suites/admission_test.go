// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	podPath      = "/mutate-pod"
	defaultPath  = "/mutate-apps-kruise-io-sidecarset"
	validatePath = "/validate-apps-kruise-io-sidecarset"
)

// threeMiB is as much as etcd would never store, and as an API server may still send.
const threeMiB = 3 << 20

var _ = Describe("The webhook, posted to past the API server", Ordered, func() {
	var webhook string
	var expectNoRestart func(context.Context)

	BeforeAll(func(ctx SpecContext) {
		pods, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
		Expect(err).NotTo(HaveOccurred())
		webhook = pods[0].Name
		expectNoRestart = watchPrograms(ctx)
	})

	DescribeTable("answers with a clean refusal", func(ctx SpecContext, path string, body func() []byte) {
		answer, err := cluster.PostToWebhook(ctx, webhook, path, body())
		Expect(err).NotTo(HaveOccurred())
		code, says := verdict(answer)
		figure("answer", "%d %s", code, says)
		Expect(code).To(And(BeNumerically(">=", 400), BeNumerically("<", 500)))
		Expect(says).NotTo(BeEmpty())
		expectNoRestart(ctx)
	},
		Entry("a Pod's review that is not JSON", podPath, notJSON),
		Entry("a SidecarSet's review that is not JSON, for defaults", defaultPath, notJSON),
		Entry("a SidecarSet's review that is not JSON, for validation", validatePath, notJSON),
		Entry("an empty body", podPath, func() []byte { return nil }),
		Entry("a JSON that is no review", podPath, func() []byte { return []byte(`{"apiVersion":"v1","kind":"List"}`) }),
		Entry("a review without a request", podPath, func() []byte { return []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`) }),
		Entry("a ConfigMap where Pods are expected", podPath, configMapReview),
		Entry("a ConfigMap where SidecarSets are expected, for defaults", defaultPath, configMapReview),
		Entry("a ConfigMap where SidecarSets are expected, for validation", validatePath, configMapReview),
		Entry("a review of 3 MiB that is not JSON", podPath, func() []byte { return bytes.Repeat([]byte("x"), threeMiB) }),
	)

	It("refuses a review of more than 3 MiB: etcd takes no object of more than half of that", func(ctx SpecContext) {
		answer, err := cluster.PostToWebhook(ctx, webhook, podPath, podReview(threeMiB))
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status).To(Equal(http.StatusRequestEntityTooLarge))
		expectNoRestart(ctx)
	})

	It("lets a Pod of 2 MiB pass", func(ctx SpecContext) {
		answer, err := cluster.PostToWebhook(ctx, webhook, podPath, podReview(2*threeMiB/3))
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Status).To(Equal(http.StatusOK))
		Expect(reviewed(answer).Allowed).To(BeTrue())
		expectNoRestart(ctx)
	})

	It("goes on answering ordinary reviews", func(ctx SpecContext) {
		answer, err := cluster.PostToWebhook(ctx, webhook, podPath, podReview(0))
		Expect(err).NotTo(HaveOccurred())
		Expect(reviewed(answer).Allowed).To(BeTrue())
		expectNoRestart(ctx)
	})
})

func notJSON() []byte { return []byte("<review>no</review>") }

func configMapReview() []byte {
	return review(metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"},
		&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "x"}})
}

// podReview reviews a Pod with an annotation of so many bytes.
func podReview(size int) []byte {
	pod := framework.UnscheduledPod("default", "posted", "nobody-selects-this")
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Annotations = map[string]string{"example.com/long": strings.Repeat("x", size)}
	return review(metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, pod)
}

func review(kind metav1.GroupVersionKind, object runtime.Object) []byte {
	GinkgoHelper()
	raw, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	body, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: types.UID("3f2e"), Kind: kind, Operation: admissionv1.Create, Namespace: "default",
			Object: runtime.RawExtension{Raw: raw},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	return body
}

// verdict is the status code that counts for the API server, of HTTP or inside the review, and what it says.
func verdict(answer *framework.Answer) (code int, says string) {
	GinkgoHelper()
	if answer.Status != http.StatusOK {
		return answer.Status, string(answer.Body)
	}
	response := reviewed(answer)
	Expect(response.Allowed).To(BeFalse(), "the webhook allowed it: %s", answer.Body)
	Expect(response.Result).NotTo(BeNil())
	return int(response.Result.Code), response.Result.Message
}

func reviewed(answer *framework.Answer) *admissionv1.AdmissionResponse {
	GinkgoHelper()
	out := &admissionv1.AdmissionReview{}
	Expect(json.Unmarshal(answer.Body, out)).To(Succeed(), "answer %d: %s", answer.Status, answer.Body)
	Expect(out.Response).NotTo(BeNil(), "answer: %s", answer.Body)
	return out.Response
}
