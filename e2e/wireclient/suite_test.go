// SPDX-License-Identifier: Apache-2.0

package wireclient

import (
	"flag"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruise "github.com/openkruise/kruise-api/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

var (
	config    *rest.Config
	clients   *kruise.Clientset
	namespace string
)

func TestWireClient(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The public Go client of OpenKruise")
}

// kubeconfig names the cluster to use; "" means one of our own, without any webhook. The flag itself is registered by
// controller-runtime.
func kubeconfig() string {
	return flag.Lookup("kubeconfig").Value.String()
}

var _ = BeforeSuite(func(ctx SpecContext) {
	config = connect()
	var err error
	clients, err = kruise.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	namespaces := kubernetes.NewForConfigOrDie(config).CoreV1().Namespaces()
	made, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "wireclient-"}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	namespace = made.Name
	DeferCleanup(func(ctx SpecContext) {
		Expect(namespaces.Delete(ctx, namespace, metav1.DeleteOptions{})).To(Succeed())
	})
})

// noWebhooks labels what only an API server without our webhooks and our operator takes and leaves alone: Pods filled
// with values that no Pod can have, and StatefulSets whose Pods the operator would make. On a cluster the suites use
// OpenKruise's client for StatefulSets that can run.
const noWebhooks = "no-webhooks"

var _ = BeforeEach(func() {
	if kubeconfig() != "" && slices.Contains(CurrentSpecReport().Labels(), noWebhooks) {
		Skip("the cluster that -kubeconfig names has webhooks that refuse made-up Pods, and an operator that makes the Pods of StatefulSets")
	}
})

// connect reaches the cluster of -kubeconfig, or starts one.
func connect() *rest.Config {
	if kubeconfig() != "" {
		given, err := clientcmd.BuildConfigFromFlags("", kubeconfig())
		ExpectWithOffset(1, err).NotTo(HaveOccurred())
		return given
	}
	return apiserver.Start(nil).Config
}
