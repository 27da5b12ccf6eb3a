// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// emptyImage is what the idle one of two hot-upgrade containers runs.
const emptyImage = framework.AppImage

// hotPair are the two containers of the hot-upgrade sidecar.
var hotPair = []string{framework.SidecarContainer + "-1", framework.SidecarContainer + "-2"}

var _ = Describe("A hot upgrade", func() {
	It("lets the old container serve until the new one does, three times, and past a bad image", func(ctx SpecContext) {
		r := startRollout(ctx, 2, hotUpgraded)
		version := int64(1)
		for i := range r.before {
			expectWorking(&r.before[i], hotPair[0], framework.SidecarImage, &version)
		}

		var gaps []string
		stop := r.watchPods(ctx, func(pod *corev1.Pod, _ map[types.UID]*corev1.Pod) {
			if !isServed(pod) {
				gaps = append(gaps, fmt.Sprintf("%s at %s: %s", pod.Name, time.Now().Format(time.TimeOnly), describeHot(pod)))
			}
		})

		var after []corev1.Pod
		for round, image := range []string{framework.SidecarImageV2, framework.SidecarImageV3, framework.SidecarImage} {
			By("upgrading to " + image)
			began := time.Now()
			r.change(ctx, setImage(image))
			after = r.awaitReady(ctx, v1beta1.ReasonComplete)
			figure("2 Pods upgraded to "+image, "%.1f s", time.Since(began).Seconds())
			r.expectUpgraded(after, hotPair[(round+1)%2], image, &version)
		}

		By("upgrading to an image that is not there")
		r.change(ctx, func(set *v1beta1.SidecarSet) {
			unasked(set)
			setImage(missingImage)(set)
		})
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionReconciling) }).Should(
			MatchRegexp(`Sidecar sidecar-1 of Pod \S+ cannot run: \w+`))
		bad := 0
		for _, pod := range r.pods(ctx) {
			if framework.Container(&pod, hotPair[0]).Image == missingImage {
				bad++
				Expect(framework.Container(&pod, hotPair[1]).Image).To(Equal(framework.SidecarImage), "the image that serves on")
			}
		}
		Expect(bad).To(Equal(1), "Pods with the bad image")

		By("and to a good one")
		r.change(ctx, setImage(framework.SidecarImageV2))
		after = r.awaitReady(ctx, v1beta1.ReasonComplete)
		r.expectUpgraded(after, hotPair[0], framework.SidecarImageV2, &version)

		stop()
		Expect(gaps).To(BeEmpty(), "moments in which neither container served")
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
	}, SpecTimeout(framework.SpecPatience))

	It("goes through many Pods at once", func(ctx SpecContext) {
		r := startRollout(ctx, 4, hotUpgraded, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString("100%"))
		})
		version := int64(1)

		r.change(ctx, setImage(framework.SidecarImageV2))

		r.expectUpgraded(r.awaitReady(ctx, v1beta1.ReasonComplete), hotPair[1], framework.SidecarImageV2, &version)
	}, SpecTimeout(framework.SpecPatience))
})

// hotUpgraded makes the sidecar a pair of containers. Both share the Pod's network, so each listens where it finds
// room; it takes two seconds until one is ready.
func hotUpgraded(set *v1beta1.SidecarSet) {
	sidecar := &set.Spec.Containers[0]
	sidecar.UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
		UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: emptyImage,
	}
	sidecar.Env = []corev1.EnvVar{{Name: "APP_ADDR", Value: ":0"}}
	sidecar.ReadinessProbe = &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/testapp", "exit", "0"}}},
		InitialDelaySeconds: 2,
		PeriodSeconds:       1,
	}
}

// isServed reports whether one of the two containers runs an image of the sidecar and is ready.
func isServed(pod *corev1.Pod) bool {
	for _, name := range hotPair {
		status := framework.ContainerStatus(pod, name)
		if status.Ready && status.State.Running != nil && strings.Contains(status.Image, "testsidecar") {
			return true
		}
	}
	return false
}

// describeHot says in one line what the two containers do.
func describeHot(pod *corev1.Pod) string {
	parts := make([]string, 0, len(hotPair))
	for _, name := range hotPair {
		status := framework.ContainerStatus(pod, name)
		parts = append(parts, fmt.Sprintf("%s runs %s, ready %t, is to run %s", name, status.Image, status.Ready, framework.Container(pod, name).Image))
	}
	return strings.Join(parts, "; ")
}

// expectUpgraded holds that the Pods are the same ones, their applications never restarted, and the container the one
// that works in each of them. It raises the version to the newest one seen.
func (r *rollout) expectUpgraded(after []corev1.Pod, working, image string, version *int64) {
	GinkgoHelper()
	Expect(framework.Identities(after)).To(Equal(framework.Identities(r.before)))
	before := *version
	for i := range after {
		expectServedByApp(&after[i])
		seen := before
		expectWorking(&after[i], working, image, &seen)
		Expect(seen).To(BeNumerically(">", before), "version of container %s of Pod %s", working, after[i].Name)
		*version = max(*version, seen)
	}
}

func expectServedByApp(pod *corev1.Pod) {
	GinkgoHelper()
	Expect(framework.ContainerStatus(pod, framework.AppContainer).RestartCount).To(BeZero(), "restarts of the application of Pod %s", pod.Name)
}

// expectWorking holds a Pod at rest against the wire: the working container has the image and the larger version, the
// other one the empty image and version 0. It returns the version in its last argument.
func expectWorking(pod *corev1.Pod, working, image string, version *int64) {
	GinkgoHelper()
	other := hotPair[0]
	if working == other {
		other = hotPair[1]
	}
	Expect(framework.Container(pod, working).Image).To(Equal(image), "image of %s of Pod %s", working, pod.Name)
	Expect(framework.Container(pod, other).Image).To(Equal(emptyImage), "image of %s of Pod %s", other, pod.Name)
	Expect(framework.ContainerStatus(pod, working).Ready).To(BeTrue())
	var names map[string]string
	Expect(json.Unmarshal([]byte(pod.Annotations[v1beta1.SidecarSetWorkingContainersAnnotation]), &names)).To(Succeed())
	Expect(names).To(Equal(map[string]string{framework.SidecarContainer: working}))

	newest := pod.Annotations[v1beta1.SidecarSetVersionAnnotationPrefix+working]
	Expect(pod.Annotations).To(And(
		HaveKeyWithValue(v1beta1.SidecarSetVersionAltAnnotationPrefix+working, "0"),
		HaveKeyWithValue(v1beta1.SidecarSetVersionAnnotationPrefix+other, "0"),
		HaveKeyWithValue(v1beta1.SidecarSetVersionAltAnnotationPrefix+other, newest)))
	number, err := strconv.ParseInt(newest, 10, 64)
	Expect(err).NotTo(HaveOccurred())
	*version = number
}
