// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

var _ = Describe("An Advanced StatefulSet", func() {
	It("keeps all Pods in service, and whole, while a policy refuses the new image", func(ctx SpecContext) {
		s, before := startStateful(ctx, 3, parallel, inPlaceIfPossible, withMaxUnavailable(2), withCPU("10m"))
		allow := refuseImage(ctx, s.key.Namespace, framework.AppContainer, framework.AppImageV2)
		_, stop := s.record(ctx)
		s.change(ctx, withImage(framework.AppImageV2), withCPU("20m"))
		s.awaitMessage(ctx, v1beta1.ConditionFailedUpdatePod, fmt.Sprintf(`The API server refused 3 writes, the first: change Pod app-0: pods "app-0" is forbidden: `+
			`ValidatingAdmissionPolicy '%[1]s' with binding '%[1]s' denied request: the image is not released.`, s.key.Namespace))
		time.Sleep(5 * time.Second)
		Expect(framework.MostDown(stop(), s.podNames(3)...)).To(BeZero(), "Pods down at the same time")
		expectUntouched(before, s.pods(ctx))

		allow(ctx)
		after := s.awaitDone(ctx)
		Expect(framework.Identities(after)).To(Equal(framework.Identities(before)))
	}, SpecTimeout(framework.SpecPatience))

	It("makes a Pod again at the revision that mounts a claim template which was removed", func(ctx SpecContext) {
		namespace := newStorage(ctx)
		both := withMountedClaims(namespace, "data", "log")
		s := createStatefulIn(ctx, namespace, 2, both)
		s.awaitDone(ctx)
		s.change(ctx, withMountedClaims(namespace, "data"), withPartition(4), func(set *v1beta1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](4) })
		s.replacePod(ctx, 0)
		Eventually(ctx, s.seePod(ctx, 0)).Should(WithTransform(func(pod *corev1.Pod) bool { return pod != nil && framework.IsReady(pod) }, BeTrue()))
		Expect(mounted(s.pod(ctx, 0), "log")).To(Equal("log-app-0"))
		kept := s.get(ctx).Status.CurrentRevision
		s.awaitMessage(ctx, v1beta1.ConditionScaling, fmt.Sprintf("Ordinal 2: Pod app-2 cannot be created: the partition keeps it at revision %s, which mounts volume log; "+
			"that claim template was removed, and there is no claim log-app-2. Put the claim template back, or let partition be at most 2. "+
			"Still to be created: 2 of 4 Pods, app-2 the first.", kept))
		s.change(ctx, withPartition(2))
		Eventually(ctx, s.seePod(ctx, 2)).Should(Not(BeNil()))
	}, SpecTimeout(framework.SpecPatience))

	It("names what holds a Pod, and why one does not run", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 2, parallel, withMaxUnavailable(2))
		s.patchPod(ctx, 1, `{"metadata":{"finalizers":["example.com/hold"]}}`)
		DeferCleanup(func(ctx SpecContext) { s.patchPod(ctx, 1, `{"metadata":{"finalizers":null}}`) })
		s.change(ctx, withArgs("exit", "3"))
		Eventually(ctx, func() string { return s.message(ctx, v1beta1.ConditionReady) }).Should(And(
			ContainSubstring("Waiting for Pods to go: app-1 (finalizers example.com/hold)."),
			MatchRegexp(`Cannot run: app-0: container app exited with 3, \d+ restarts? \(CrashLoopBackOff\); see kubectl logs -n %s app-0 -c app --previous\.`, s.key.Namespace)))
		figure("conditions", "%s", s.messages(ctx))
	}, SpecTimeout(framework.SpecPatience))
})

// withCPU lets the application ask for so much.
func withCPU(amount string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
	}
}

// withMountedClaims gives every Pod these claims, and no other, and mounts them.
func withMountedClaims(class string, names ...string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.VolumeClaimTemplates, set.Spec.Template.Spec.Containers[0].VolumeMounts = nil, nil
		for _, name := range names {
			set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, framework.ClaimTemplate(name, class, "1Gi"))
			app := &set.Spec.Template.Spec.Containers[0]
			app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/" + name, ReadOnly: true})
		}
	}
}

// message is what a condition of the set says, "" when it is not there.
func (s *stateful) message(ctx context.Context, kind string) string {
	GinkgoHelper()
	if c := meta.FindStatusCondition(s.get(ctx).Status.Conditions, kind); c != nil {
		return c.Message
	}
	return ""
}

// awaitMessage waits until a condition says a text, and nothing else.
func (s *stateful) awaitMessage(ctx context.Context, kind, text string) {
	GinkgoHelper()
	Eventually(ctx, func() string { return s.message(ctx, kind) }).Should(Equal(text))
}
