// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	otherContainer = "other"
	nativeSidecar  = "native"
	// mostWrites is how often a Pod is written to at most for one change in place: out of service, the change, back in
	// service. Resources have an endpoint of their own, so they cost another one.
	mostWrites           = 3
	mostWritesWithResize = 4
	// draining is the grace period of a change in place.
	draining = 5 * time.Second
)

var _ = Describe("A change in place of an Advanced StatefulSet", func() {
	It("restarts the containers whose image changes, and nothing else", func(ctx SpecContext) {
		s, before := startStateful(ctx, 2, inPlaceIfPossible, withCompany)

		By("an image")
		after := s.changeInPlace(ctx, before, withImage(framework.AppImageV2))
		expectRestarted(before, after, framework.AppContainer)

		By("the image of a native sidecar, and labels with it")
		native := s.changeInPlace(ctx, after, func(set *v1beta1.StatefulSet) {
			set.Spec.Template.Spec.InitContainers[0].Image = framework.SidecarImageV2
			set.Spec.Template.Labels["tier"] = "front"
		})
		expectRestarted(after, native, nativeSidecar)
		Expect(native[0].Labels).To(HaveKeyWithValue("tier", "front"))

		By("another name of the same image")
		digest := framework.ContainerStatus(&native[0], framework.AppContainer).ImageID
		Expect(digest).To(ContainSubstring("@sha256:"))
		renamed := s.changeInPlace(ctx, native, withImage(digest))
		Expect(framework.ContainerStatus(&renamed[0], framework.AppContainer).ImageID).To(Equal(digest))
		expectRestarted(native, renamed, framework.AppContainer)
	}, SpecTimeout(framework.SpecPatience))

	It("of labels and annotations alone restarts nothing and leaves the Pods in service, unless a container reads them", func(ctx SpecContext) {
		s, before := startStateful(ctx, 2, inPlaceIfPossible, withCompany, func(set *v1beta1.StatefulSet) {
			set.Spec.Template.Labels["ver"] = "1"
			app := &set.Spec.Template.Spec.Containers[0]
			app.Env = append(app.Env, corev1.EnvVar{Name: "VER", ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['ver']"},
			}})
		})

		_, stop := s.record(ctx)
		s.change(ctx, func(set *v1beta1.StatefulSet) {
			set.Spec.Template.Annotations = map[string]string{"note": "new"}
			set.Spec.Template.Labels["tier"] = "front"
		})
		after := s.awaitDone(ctx)
		changes := stop()
		Expect(framework.MostDown(changes, s.podNames(2)...)).To(BeZero(), "Pods down at the same time")
		s.expectFewWrites(changes, 1)
		expectSameProcesses(before, after)
		for i := range after {
			Expect(after[i].Annotations).To(HaveKeyWithValue("note", "new"))
			Expect(after[i].Labels).To(HaveKeyWithValue("tier", "front"))
		}

		By("a label that the application has in its environment")
		Expect(s.ask(ctx, 1, "/env?name=VER")).To(Equal("1"))
		read := s.changeInPlace(ctx, after, func(set *v1beta1.StatefulSet) { set.Spec.Template.Labels["ver"] = "2" })
		expectRestarted(after, read, framework.AppContainer)
		Expect(s.ask(ctx, 1, "/env?name=VER")).To(Equal("2"))
	}, SpecTimeout(framework.SpecPatience))

	It("keeps a Pod out of service for the grace period before its container restarts", func(ctx SpecContext) {
		s, before := startStateful(ctx, 1, inPlaceIfPossible, strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
			r.InPlaceUpdateStrategy = &v1beta1.InPlaceUpdateStrategy{GracePeriodSeconds: int32(draining.Seconds())}
		}))
		_, stop := s.record(ctx)
		after := s.changeInPlace(ctx, before, withImage(framework.AppImageV2))
		expectRestarted(before, after, framework.AppContainer)

		out := takenOut(stop())
		started := framework.ContainerStatus(&after[0], framework.AppContainer).State.Running.StartedAt
		waited := started.Sub(out)
		figure("grace period", "%s between NotReady and the start of the new container, in whole seconds; %s asked for", waited, draining)
		Expect(waited).To(BeNumerically(">=", draining-time.Second), "both times are cut off to a second")
	}, SpecTimeout(framework.SpecPatience))

	It("resizes cpu and memory without a restart", func(ctx SpecContext) {
		s, before := startStateful(ctx, 2, inPlaceIfPossible, withResources("50m", "32Mi"))
		after := s.changeInPlace(ctx, before, withResources("80m", "48Mi"))
		expectSameProcesses(before, after)
		for i := range after {
			status := framework.ContainerStatus(&after[i], framework.AppContainer)
			Expect(status.Resources).NotTo(BeNil())
			expectAmounts(*status.Resources, resources("80m", "48Mi"))
		}

		By("together with an image")
		both := s.changeInPlaceWith(ctx, mostWritesWithResize, after, withResources("60m", "48Mi"), withImage(framework.AppImageV2))
		expectRestarted(after, both, framework.AppContainer)
		expectAmounts(*framework.ContainerStatus(&both[0], framework.AppContainer).Resources, resources("60m", "48Mi"))
	}, SpecTimeout(framework.SpecPatience))

	It("gives way to new Pods where it is impossible, and says why; with InPlaceOnly it is refused", func(ctx SpecContext) {
		s, before := startStateful(ctx, 2, inPlaceIfPossible)
		const path = "spec.template.spec.containers[app].env"
		s.change(ctx, withEnv("EXTRA", "1"))
		Eventually(ctx, func() string { return s.messages(ctx) }).Should(ContainSubstring(path), "a condition names the field")
		figure("conditions", "%s", s.messages(ctx))
		after := s.awaitDone(ctx)
		expectRecreated(before, after)
		Eventually(ctx, func() []string { return s.events(ctx) }).Should(ContainElement(ContainSubstring(path)), "an event names the field")

		By("kubectl rollout restart")
		s.change(ctx, func(set *v1beta1.StatefulSet) {
			set.Spec.Template.Annotations = map[string]string{v1beta1.RestartedAtAnnotation: time.Now().Format(time.RFC3339)}
		})
		restarted := s.awaitDone(ctx)
		expectRecreated(after, restarted)

		By("InPlaceOnly")
		s.change(ctx, strategy(func(r *v1beta1.RollingUpdateStatefulSetStrategy) {
			r.PodUpdatePolicy = v1beta1.InPlaceOnlyPodUpdatePolicy
		}))
		_, err := cluster.ChangeStatefulSet(ctx, s.key, withEnv("EXTRA", "2"))
		Expect(err).To(MatchError(ContainSubstring(path)))
		figure("refusal", "%v", err)
		expectRestarted(restarted, s.changeInPlace(ctx, restarted, withImage(framework.AppImageV2)), framework.AppContainer)
	}, SpecTimeout(framework.SpecPatience))
})

// takenOut is when a Pod was taken out of service for a change in place, by its condition.
func takenOut(changes []framework.PodChange) time.Time {
	GinkgoHelper()
	for i := range changes {
		if c := podCondition(changes[i].After, v1beta1.InPlaceUpdateReadyCondition); c.Status == corev1.ConditionFalse {
			return c.LastTransitionTime.Time
		}
	}
	Fail("no Pod was taken out of service")
	return time.Time{}
}

// withCompany gives the Pods a second container and a native sidecar.
func withCompany(set *v1beta1.StatefulSet) {
	spec := &set.Spec.Template.Spec
	spec.Containers = append(spec.Containers, framework.Sidecar(otherContainer, 9000))
	native := framework.Sidecar(nativeSidecar, 9001)
	native.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	spec.InitContainers = append(spec.InitContainers, native)
}

// withResources makes the application request so much, and limits it to twice that.
func withResources(cpu, memory string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.Template.Spec.Containers[0].Resources = resources(cpu, memory)
	}
}

// changeInPlace changes the set, and holds that its Pods stay the same ones, go out of service one after the other, and
// are written to no more often than promised.
func (s *stateful) changeInPlace(ctx context.Context, before []corev1.Pod, edits ...func(*v1beta1.StatefulSet)) []corev1.Pod {
	GinkgoHelper()
	return s.changeInPlaceWith(ctx, mostWrites, before, edits...)
}

func (s *stateful) changeInPlaceWith(ctx context.Context, writes int, before []corev1.Pod, edits ...func(*v1beta1.StatefulSet)) []corev1.Pod {
	GinkgoHelper()
	_, stop := s.record(ctx)
	s.change(ctx, edits...)
	after := s.awaitDone(ctx)
	changes := stop()
	Expect(framework.Identities(after)).To(Equal(framework.Identities(before)), "UIDs, IPs and nodes of the Pods")
	Expect(framework.MostDown(changes, namesOfPods(before)...)).To(BeNumerically("<=", 1), "Pods down at the same time")
	s.expectFewWrites(changes, writes)
	return after
}

// expectFewWrites holds that no Pod was written to more often than that.
func (s *stateful) expectFewWrites(changes []framework.PodChange, most int) {
	GinkgoHelper()
	var report []string
	for _, name := range uniqueNames(changes) {
		writes := framework.OperatorWrites(changes, name)
		report = append(report, name+": "+strings.Join(writes, "; "))
		Expect(len(writes)).To(BeNumerically("<=", most), "writes to Pod %s: %v", name, writes)
	}
	figure("writes", "%s", strings.Join(report, "\n"))
}

func uniqueNames(changes []framework.PodChange) (names []string) {
	seen := map[string]bool{}
	for i := range changes {
		if name := changes[i].Name(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// expectRestarted holds that one container of each Pod was replaced once, and no other one.
func expectRestarted(before, after []corev1.Pod, container string) {
	GinkgoHelper()
	want := framework.Restarts(before)
	for i := range before {
		want[before[i].Name+"/"+container]++
	}
	Expect(framework.Restarts(after)).To(Equal(want), "restarts of containers")
}

// expectSameProcesses holds that no Pod was replaced and no container restarted.
func expectSameProcesses(before, after []corev1.Pod) {
	GinkgoHelper()
	Expect(framework.Identities(after)).To(Equal(framework.Identities(before)), "UIDs, IPs and nodes of the Pods")
	Expect(framework.Restarts(after)).To(Equal(framework.Restarts(before)), "restarts of containers")
}

// expectRecreated holds that every Pod has been replaced.
func expectRecreated(before, after []corev1.Pod) {
	GinkgoHelper()
	was, is := uids(before), uids(after)
	for name := range was {
		Expect(is[name]).NotTo(Equal(was[name]), "UID of Pod %s", name)
	}
}

// ask sends a request to the application of a Pod.
func (s *stateful) ask(ctx context.Context, ordinal int, path string) string {
	GinkgoHelper()
	answer, err := cluster.AskPod(ctx, s.key.Namespace, s.podName(ordinal), 8080, path)
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(answer)
}
