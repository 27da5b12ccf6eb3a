// SPDX-License-Identifier: Apache-2.0

// Package integration tests the API as a real API server serves it: what it refuses and with which words, what it fills
// in, what it keeps.
package integration

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// namespace is where the suite puts namespaced objects; names are unique.
const namespace = "api"

var k8s client.Client

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The API on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	k8s = apiserver.Start(nil).Client
	Expect(apiextensionsv1.AddToScheme(k8s.Scheme())).To(Succeed())
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
})
