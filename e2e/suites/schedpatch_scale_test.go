// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"flag"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
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
	// wave is how many Pods are made at a time. All at once would starve the webhook on a small machine.
	wave = 500
)

var crowd = flag.Int("schedpatch-pods", 10_000, "how many Pods the spec of a large SchedPatch makes on simulated nodes")

var _ = Describe("A SchedPatch of very many Pods", Serial, Label("slow"), func() {
	It("counts all of them, in a small status that is seldom written", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		simulatedNodes(ctx, namespace, *crowd/podsPerNode+1)
		patch := createPatch(ctx, patchFor(namespace, "apps/v1", "Deployment", "cart"))
		writes := recordStatus(ctx, patch)
		deployment := framework.Deployment(namespace, "cart", 0)
		deployment.Spec.Template.Spec.TopologySpreadConstraints = nil
		Expect(cluster.Client.Create(ctx, deployment)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { removeCrowd(ctx, deployment) }, NodeTimeout(framework.SpecPatience))
		began, replaced := time.Now(), 0
		for pods := 0; pods < *crowd; {
			pods = min(pods+wave, *crowd)
			scaleTo(ctx, deployment, pods)
			replaced += awaitWave(ctx, patch, deployment, pods)
		}
		took := time.Since(began)
		awaitPatchReport(ctx, patch, patchReport{Matched: int32(*crowd), Patched: int32(*crowd), Ready: "True Active"})

		By("listing them with kubectl get pods -l")
		Expect(listed(ctx, namespace, client.HasLabels{v1beta1.SchedPatchLabelPrefix + patch.Name})).To(HaveLen(*crowd))

		Expect(patch.Status.ChangedPods).To(HaveLen(min(*crowd, 100)))
		Expect(patch.Status.Truncated).To(Equal(*crowd > 100))
		seen := writes()
		figure("status", "%d Pods ready after %s (%d made again since the webhook missed them); %d writes in %s, the largest status %d bytes of %d",
			*crowd, took.Round(time.Second), replaced, seen.count, seen.during.Round(time.Second), seen.largest, statusLimit)
		Expect(seen.largest).To(BeNumerically("<", statusLimit))
		// The API server takes some writes up later than others.
		Expect(float64(seen.count)).To(BeNumerically("<=", seen.during.Seconds()+5), "at most one write per second")
	}, SpecTimeout(2*framework.SpecPatience))
})

// statusWrites is what was seen of an object's status.
type statusWrites struct {
	count   int
	largest int
	// during is the time from the first to the last of them, as the API server has recorded it, in whole seconds.
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
		written := writtenAt(object)
		if first.IsZero() {
			first = written
		}
		data, err := json.Marshal(object.Status)
		Expect(err).NotTo(HaveOccurred())
		seen.count, seen.largest, seen.during = seen.count+1, max(seen.largest, len(data)), written.Sub(first)
	}
	return seen
}

// writtenAt is when an object was written last.
func writtenAt(object client.Object) (last time.Time) {
	for _, fields := range object.GetManagedFields() {
		if fields.Time != nil && fields.Time.After(last) {
			last = fields.Time.Time
		}
	}
	return last
}

// awaitWave waits until so many Pods are ready and carry the patch. Those that a starved webhook missed are reported as
// skipped, and then deleted, so that they are made again; it returns how many.
func awaitWave(ctx context.Context, patch *v1alpha1.SchedPatch, deployment *appsv1.Deployment, count int) (replaced int) {
	GinkgoHelper()
	for {
		Eventually(ctx, func() (int32, error) {
			err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)
			return deployment.Status.ReadyReplicas, err
		}, "10m", "1s").Should(Equal(int32(count)))
		missed := listed(ctx, patch.Namespace, lacking(patch))
		want := patchReport{Matched: int32(count), Patched: int32(count - len(missed)), Skipped: int32(len(missed)), Ready: "True Active"}
		Eventually(ctx, func() (patchReport, error) { return seePatch(ctx, patch) }, "5m", "1s").Should(Equal(want))
		if len(missed) == 0 {
			return replaced
		}
		replaced += len(missed)
		gone := sets.New[types.UID]()
		for i := range missed {
			gone.Insert(missed[i].UID)
			Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, &missed[i], client.GracePeriodSeconds(0)))).To(Succeed())
		}
		Eventually(ctx, func() int {
			left := slices.DeleteFunc(listed(ctx, patch.Namespace), func(pod metav1.PartialObjectMetadata) bool { return gone.Has(pod.UID) })
			return len(left)
		}, "5m", "1s").Should(Equal(count))
	}
}

// lacking selects the Pods without the label of a patch.
func lacking(patch *v1alpha1.SchedPatch) client.ListOption {
	GinkgoHelper()
	lacks, err := labels.NewRequirement(v1beta1.SchedPatchLabelPrefix+patch.Name, selection.DoesNotExist, nil)
	Expect(err).NotTo(HaveOccurred())
	return client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*lacks)}
}

// removeCrowd takes all Pods away one by one: to delete so many with one request takes longer than the API server lets
// a request take.
func removeCrowd(ctx context.Context, deployment *appsv1.Deployment) {
	GinkgoHelper()
	scaleTo(ctx, deployment, 0)
	Eventually(ctx, func() []metav1.PartialObjectMetadata { return listed(ctx, deployment.Namespace) }, "19m", "2s").Should(BeEmpty())
}

// listed are the Pods of a namespace, by their metadata.
func listed(ctx context.Context, namespace string, options ...client.ListOption) []metav1.PartialObjectMetadata {
	GinkgoHelper()
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	Expect(cluster.Client.List(ctx, pods, append(options, client.InNamespace(namespace))...)).To(Succeed())
	return pods.Items
}
