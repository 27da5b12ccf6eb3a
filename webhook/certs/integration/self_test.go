package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
)

var _ = Describe("A webhook that makes its certificates itself", func() {
	It("is ready soon after the first install, and again after its Secret was emptied", func(ctx SpecContext) {
		own := certs.Names{
			SelfSecret:        types.NamespacedName{Namespace: "default", Name: "own"},
			CertManagerSecret: types.NamespacedName{Namespace: "default", Name: "of-nobody"},
			Mutating:          "own", Validating: "own", Service: "windlass-webhook",
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "own"}}
		mutating, validating := configurations()
		mutating.Name, validating.Name = own.Mutating, own.Validating
		for _, object := range []client.Object{secret, mutating, validating} {
			object.SetAnnotations(nil)
			Expect(k8s.Create(ctx, object)).To(Succeed())
		}
		source := makingItself(ctx, own)
		Eventually(ctx, source.Distrust).Should(Succeed())
		first, err := source.GetCertificate(nil)
		Expect(err).NotTo(HaveOccurred())

		By("making another CA")
		Expect(k8s.Get(ctx, own.SelfSecret, secret)).To(Succeed())
		secret.Data = nil
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(source.Distrust()).To(Succeed())
			next, err := source.GetCertificate(nil)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(next.Leaf.Equal(first.Leaf)).To(BeFalse())
		}).Should(Succeed())
	}, SpecTimeout(2*time.Minute))
})

// makingItself starts what the webhook program runs for the provider self.
func makingItself(ctx context.Context, own certs.Names) *certs.Source {
	GinkgoHelper()
	marker := GinkgoT().TempDir()
	source := certs.NewSource(certs.ProviderSelf, own, marker, clock.RealClock{})
	provider := &certs.SelfSigned{
		Names: own, Source: source, Marker: marker,
		CAValidity: 10 * time.Hour, CertValidity: 5 * time.Hour, RotateBefore: time.Hour, CheckInterval: time.Hour,
	}
	Expect(provider.Setup(config, program.Scheme())).To(Succeed())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	for _, start := range []func(context.Context) error{(&certs.Watch{Config: config, Scheme: program.Scheme(), Source: source}).Start, provider.Start} {
		go func() {
			defer GinkgoRecover()
			Expect(start(running)).To(Succeed())
		}()
	}
	return source
}
