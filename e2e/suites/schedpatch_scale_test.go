package suites_test

import (
	"context"
	"encoding/json"
	"flag"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// statusLimit is how large the status of a SchedPatch may be, in bytes of JSON.
	statusLimit = 32 << 10
	// podsPerNode is how many Pods of this spec a simulated node takes, with room to spare.
	podsPerNode = 110
)

var crowd = flag.Int("schedpatch-pods", 10_000, "how many Pods the spec of a large SchedPatch makes on simulated nodes")

var _ = Describe("A SchedPatch of very many Pods", Serial, Label("slow"), func() {
	It("counts all of them, in a small status that is seldom written", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, *crowd/podsPerNode+1)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart"))
		writes := recordStatus(ctx, patch)
		deployment := framework.Deployment(namespace, "cart", int32(*crowd))
		deployment.Spec.Template.Spec.TopologySpreadConstraints = nil
		began := time.Now()
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())

		want := patchReport{Matched: int32(*crowd), Patched: int32(*crowd), Total: int64(*crowd), Ready: "True Active"}
		Eventually(ctx, func() (patchReport, error) { return seePatch(ctx, patch) }, "15m", "1s").Should(Equal(want))
		counted := time.Since(began)
		Eventually(ctx, func() (int, error) { return readyReplicas(ctx, deployment) }, "15m", "1s").Should(Equal(*crowd))
		awaitPatchReport(ctx, patch, want)

		By("listing them with kubectl get pods -l")
		pods := &metav1.PartialObjectMetadataList{}
		pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
		Expect(cluster.Client.List(ctx, pods, client.InNamespace(namespace), client.HasLabels{v1beta1.SchedPatchLabelPrefix + patch.Name})).To(Succeed())
		Expect(pods.Items).To(HaveLen(*crowd))

		Expect(patch.Status.ChangedPods).To(HaveLen(min(*crowd, 100)))
		Expect(patch.Status.Truncated).To(Equal(*crowd > 100))
		seen := writes()
		figure("status", "%d Pods counted after %s; %d writes in %s, the largest status %d bytes of %d",
			*crowd, counted.Round(time.Second), seen.count, seen.during.Round(time.Second), seen.largest, statusLimit)
		Expect(seen.largest).To(BeNumerically("<", statusLimit))
		Expect(float64(seen.count)).To(BeNumerically("<=", seen.during.Seconds()+1), "at most one write per second")
	}, SpecTimeout(40*time.Minute))
})

// statusWrites is what was seen of an object's status.
type statusWrites struct {
	count   int
	largest int
	// during is the time from the first to the last of them.
	during time.Duration
}

// recordStatus follows a SchedPatch. The function that it returns ends that and tells what was seen.
func recordStatus(ctx context.Context, patch *v1alpha1.SchedPatch) func() statusWrites {
	GinkgoHelper()
	watched, err := cluster.Client.Watch(ctx, &v1alpha1.SchedPatchList{}, client.InNamespace(patch.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: patch.ResourceVersion}})
	Expect(err).NotTo(HaveOccurred())
	result := make(chan statusWrites, 1)
	go func() {
		defer GinkgoRecover()
		result <- followStatus(watched)
	}()
	return func() statusWrites {
		GinkgoHelper()
		watched.Stop()
		var seen statusWrites
		Eventually(ctx, result).Should(Receive(&seen))
		return seen
	}
}

func followStatus(watched watch.Interface) (seen statusWrites) {
	var first time.Time
	for event := range watched.ResultChan() {
		object, ok := event.Object.(*v1alpha1.SchedPatch)
		if !ok || event.Type != watch.Modified {
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		data, err := json.Marshal(object.Status)
		Expect(err).NotTo(HaveOccurred())
		seen.count, seen.largest, seen.during = seen.count+1, max(seen.largest, len(data)), time.Since(first)
	}
	return seen
}

func readyReplicas(ctx context.Context, deployment *appsv1.Deployment) (int, error) {
	err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)
	return int(deployment.Status.ReadyReplicas), err
}
