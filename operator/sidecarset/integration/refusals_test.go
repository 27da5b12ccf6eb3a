// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// refuse has the API server refuse agent:2 in the Pods of a namespace, one of which has this name; the returned function
// lifts that.
func (f *fixture) refuse(ctx context.Context, name string) (lift func(context.Context)) {
	GinkgoHelper()
	return apiserver.Refuse(ctx, k8s, f.namespace, admissionv1.Update,
		`object.spec.containers.all(c, c.image != "agent:2")`, "agent:2 is not released", f.attempt(ctx, name))
}

// attempt asks the API server whether a Pod may have agent:2.
func (f *fixture) attempt(ctx context.Context, name string) func() error {
	patch := []byte(`[{"op": "replace", "path": "/spec/containers/0/image", "value": "agent:2"}]`)
	return func() error {
		return k8s.Patch(ctx, f.get(ctx, name), client.RawPatch(types.JSONPatchType, patch), client.DryRunAll)
	}
}

// in is the same set in another of its namespaces.
func (f *fixture) in(namespace string) *fixture { return &fixture{set: f.set, namespace: namespace} }

// message is that of a condition.
func message(status v1beta1.SidecarSetStatus, kind string) string {
	for _, c := range status.Conditions {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}

var _ = Describe("What the API server refuses", func() {
	It("keeps no other Pod waiting, is named, and is tried again", func(ctx SpecContext) {
		const other = "refusing"
		Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}})).To(Succeed())
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) {
			selector := b.Obj().Spec.NamespaceSelector
			selector.MatchExpressions = []metav1.LabelSelectorRequirement{{
				Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn,
				Values: []string{other, selector.MatchLabels[corev1.LabelMetadataName]},
			}}
			selector.MatchLabels = nil
		})
		refused := f.in(other)
		f.pod(ctx, "healthy", true)
		refused.pod(ctx, "refused-1", true) // younger, so it comes first
		refused.pod(ctx, "refused-2", true)
		lift := refused.refuse(ctx, "refused-1")

		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1))
		f.kubelet(ctx, "healthy")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(And(
			MatchFields(IgnoreExtras, Fields{
				"MatchedPods": Equal(int32(3)), "UpdatedPods": Equal(int32(1)), "ReadyPods": Equal(int32(3)),
				"Conditions": ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonPodsUpdating)),
			}),
			WithTransform(func(s v1beta1.SidecarSetStatus) string { return message(s, v1beta1.ConditionReady) },
				And(ContainSubstring("refusing/refused-1"), ContainSubstring("refusing/refused-2"), ContainSubstring("agent:2 is not released")))))

		tries := refusals.In(other)
		Eventually(tries).WithTimeout(time.Minute).Should(BeNumerically(">=", 6), "each of the two is tried three times")
		Expect(apiserver.Events(ctx, k8s, f.set, "FailedUpdatePodInPlace")).To(
			And(HaveLen(1), HaveEach(1)), "one warning a minute for all Pods")

		lift(ctx)
		Eventually(refused.attempt(ctx, "refused-1")).WithTimeout(patience).Should(Succeed(), "the API server knows it")
		for done := 1; done <= 2; done++ { // one after the other, as maxUnavailable says
			Eventually(refused.updated(ctx, "agent:2")).WithTimeout(time.Minute).Should(Equal(done))
			if done == 2 {
				break
			}
			for _, name := range []string{"refused-1", "refused-2"} {
				if refused.get(ctx, name).Spec.Containers[0].Image == "agent:2" {
					refused.kubelet(ctx, name)
					break
				}
			}
		}
	}, SpecTimeout(4*time.Minute))

	It("leaves no half of a change behind", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) { b.Obj().Spec.Containers[0].Resources = cpu("10m") })
		f.recorded(ctx)
		f.pod(ctx, "a", true)
		f.kubeletResizes(ctx, "a")
		f.refuse(ctx, "a")

		f.change(ctx, func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Image, s.Containers[0].Resources = "agent:2", cpu("20m")
		})
		Eventually(f.status(ctx)).WithTimeout(patience).Should(
			WithTransform(func(s v1beta1.SidecarSetStatus) string { return message(s, v1beta1.ConditionReady) }, ContainSubstring("agent:2 is not released")))
		Expect(f.get(ctx, "a").Spec.Containers[0].Resources.Requests.Cpu().String()).To(Equal("10m"), "nothing of the change is written")

		f.change(ctx, func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Image, s.Containers[0].Resources = "agent:1", cpu("10m")
		})
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"UpdatedPods": Equal(int32(1)), "Conditions": ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
		}))
		Expect(f.get(ctx, "a").Spec.Containers[0].Resources.Requests.Cpu().String()).To(Equal("10m"))
	})

	It("changes image and resources together where nothing is refused", func(ctx SpecContext) {
		f := newFixture(ctx, func(b *build.SidecarSetBuilder) { b.Obj().Spec.Containers[0].Resources = cpu("10m") })
		f.recorded(ctx)
		f.pod(ctx, "a", true)
		f.kubeletResizes(ctx, "a")
		f.change(ctx, func(s *v1beta1.SidecarSetSpec) {
			s.Containers[0].Image, s.Containers[0].Resources = "agent:2", cpu("20m")
		})
		Eventually(func() string { return f.get(ctx, "a").Spec.Containers[0].Resources.Requests.Cpu().String() }).WithTimeout(patience).Should(Equal("20m"))
		f.kubelet(ctx, "a")
		f.kubeletResizes(ctx, "a")
		Eventually(f.status(ctx)).WithTimeout(patience).Should(MatchFields(IgnoreExtras, Fields{
			"UpdatedReadyPods": Equal(int32(1)), "Conditions": ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
		}))
	})
})

// cpu requests so much of it.
func cpu(amount string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: build.Quantity(amount)}}
}

// recorded waits for the set's revision, and has new Pods say that they are of it.
func (f *fixture) recorded(ctx context.Context) {
	GinkgoHelper()
	Eventually(f.status(ctx)).WithTimeout(patience).Should(WithTransform(func(s v1beta1.SidecarSetStatus) string {
		f.revision = s.LatestRevision
		return s.LatestRevision
	}, Not(BeEmpty())))
}

// kubeletResizes reports the resources that the spec asks for.
func (f *fixture) kubeletResizes(ctx context.Context, name string) {
	GinkgoHelper()
	pod := f.get(ctx, name)
	apiserver.Resized(pod)
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

var _ = Describe("Pods that are down for reasons of their own", func() {
	It("are updated, keep no other waiting, and are named in the end", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.pod(ctx, "healthy", true)
		f.pod(ctx, "finished", true)
		finished := f.get(ctx, "finished")
		for i := range finished.Status.ContainerStatuses {
			if c := &finished.Status.ContainerStatuses[i]; c.Name == "app" {
				c.Ready, c.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
			}
		}
		build.SetReady(finished, false, time.Now())
		Expect(k8s.Status().Update(ctx, finished)).To(Succeed())
		f.unscheduled(ctx, "unschedulable", corev1.PodReasonUnschedulable)
		f.unscheduled(ctx, "gated", corev1.PodReasonSchedulingGated)

		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(4))
		f.kubelet(ctx, "healthy")
		finished = f.get(ctx, "finished")
		app := finished.Status.ContainerStatuses[1]
		build.RunContainers(finished)
		finished.Status.ContainerStatuses[1] = app
		Expect(k8s.Status().Update(ctx, finished)).To(Succeed())

		Eventually(f.status(ctx)).WithTimeout(patience).Should(And(
			MatchFields(IgnoreExtras, Fields{"UpdatedPods": Equal(int32(4)), "Conditions": And(
				ContainElement(condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)),
				Not(ContainElement(MatchFields(IgnoreExtras, Fields{"Type": Equal(v1beta1.ConditionReconciling)}))))}),
			WithTransform(func(s v1beta1.SidecarSetStatus) string { return message(s, v1beta1.ConditionReady) },
				And(ContainSubstring(f.namespace+"/finished ("), ContainSubstring(f.namespace+"/unschedulable ("), ContainSubstring(f.namespace+"/gated (")))))
	})
})

// unscheduled creates an injected Pod that has no node.
func (f *fixture) unscheduled(ctx context.Context, name, reason string) {
	GinkgoHelper()
	pod := f.newPod(name, true)
	pod.Spec.NodeName = ""
	if reason == corev1.PodReasonSchedulingGated {
		pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
	}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

var _ = Describe("A SidecarSet", func() {
	It("gets a recorded version back that somebody deleted", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.pod(ctx, "a", true)
		revision := &appsv1.ControllerRevision{}
		read := func() error {
			set := &v1beta1.SidecarSet{}
			if err := k8s.Get(ctx, client.ObjectKeyFromObject(f.set), set); err != nil {
				return err
			}
			return k8s.Get(ctx, client.ObjectKey{Namespace: "default", Name: set.Status.LatestRevision}, revision)
		}
		Eventually(read).WithTimeout(patience).Should(Succeed())
		deleted := revision.UID
		Expect(k8s.Delete(ctx, revision)).To(Succeed())
		Eventually(func(g Gomega) types.UID {
			g.Expect(read()).To(Succeed())
			return revision.UID
		}).WithTimeout(patience).ShouldNot(Equal(deleted))
	})

	It("looks again when its canary goes", func(ctx SpecContext) {
		base := newFixture(ctx, nil)
		canary := &fixture{namespace: base.namespace, set: base.set.DeepCopy()}
		canary.set.ObjectMeta = metav1.ObjectMeta{Name: base.set.Name + "-canary", Annotations: map[string]string{
			v1beta1.SidecarSetCanaryAnnotation: "true", v1beta1.SidecarSetBaseAnnotation: base.set.Name,
		}}
		canary.set.Spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
		Expect(k8s.Create(ctx, canary.set)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, canary.set))).To(Succeed()) })
		base.pod(ctx, "own", true)
		canary.pod(ctx, "served-by-the-canary", true)
		uninjected := func(n int) OmegaMatcher {
			return MatchFields(IgnoreExtras, Fields{"MatchedPods": Equal(int32(1)), "UninjectedPods": Equal(int32(n))})
		}
		Eventually(base.status(ctx)).WithTimeout(patience).Should(uninjected(0))
		Expect(k8s.Delete(ctx, canary.set)).To(Succeed())
		Eventually(base.status(ctx)).WithTimeout(patience).Should(uninjected(1))
	})
})

// The record that a Pod served when its update began is what keeps a rollout within maxUnavailable, so it must survive
// the API server.
var _ = Describe("The record of an update", func() {
	It("says whether the Pod served", func(ctx SpecContext) {
		f := newFixture(ctx, nil)
		f.pod(ctx, "a", true)
		f.image(ctx, "agent:2")
		Eventually(f.updated(ctx, "agent:2")).WithTimeout(patience).Should(Equal(1))
		records := map[string]struct {
			Served *bool `json:"served"`
		}{}
		Expect(json.Unmarshal([]byte(f.get(ctx, "a").Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation]), &records)).To(Succeed())
		Expect(records[f.set.Name].Served).To(HaveValue(BeTrue()))
	})
})
