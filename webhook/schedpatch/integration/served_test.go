// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	patches "github.com/windlass-operator/windlass/internal/schedpatch"
)

// ask asks the webhook as one replica is asked: by its address, trusting the CA of the webhook configurations.
func ask(ctx SpecContext, patch *v1alpha1.SchedPatch) (status int, answer patches.Served) {
	GinkgoHelper()
	served := cluster.WebhookInstallOptions
	trusted := x509.NewCertPool()
	Expect(trusted.AppendCertsFromPEM(served.LocalServingCAData)).To(BeTrue())
	url := fmt.Sprintf("https://%s:%d%s%s/%s", served.LocalServingHost, served.LocalServingPort, patches.ServedPath, patch.Namespace,
		patch.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	replica := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}}
	response, err := replica.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		Expect(json.NewDecoder(response.Body).Decode(&answer)).To(Succeed())
	}
	return response.StatusCode, answer
}

var _ = Describe("A replica of the webhook", func() {
	It("tells which generation of a SchedPatch it applies", func(ctx SpecContext) {
		patch := ssd(newNamespace(ctx), "p", targetCart())
		status, _ := ask(ctx, patch)
		Expect(status).To(Equal(http.StatusNotFound))

		applied(ctx, patch)
		_, first := ask(ctx, patch)
		Expect(first).To(Equal(patches.Served{UID: patch.UID, Generation: 1, Hash: known.Get(client.ObjectKeyFromObject(patch)).Hash()}))

		patch.Spec.NodeSelector["zone"] = "a"
		applied(ctx, patch)
		_, second := ask(ctx, patch)
		Expect(second.Generation).To(Equal(int64(2)))
		Expect(second.Hash).NotTo(Equal(first.Hash))
	})
})
