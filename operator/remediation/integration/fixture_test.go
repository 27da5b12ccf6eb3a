// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// fixture is a StatefulSet in a namespace of its own.
type fixture struct {
	set       *v1beta1.StatefulSet
	namespace string
}

// newFixture creates a set of two Pods that judges them after a minute.
func newFixture(ctx context.Context, change func(*build.StatefulSetBuilder)) *fixture {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	builder := build.MakeStatefulSet("web").Parallel().Replicas(2).Spec(func(s *v1beta1.StatefulSetSpec) {
		s.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true, StuckSeconds: 60}
	})
	if change != nil {
		change(builder)
	}
	f := &fixture{namespace: namespace.Name, set: builder.Obj()}
	f.set.ObjectMeta = metav1.ObjectMeta{Namespace: f.namespace, Name: "web"}
	Expect(k8s.Create(ctx, f.set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, f.set))).To(Succeed())
		Expect(k8s.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(f.namespace), client.GracePeriodSeconds(0))).To(Succeed())
		Expect(k8s.DeleteAllOf(ctx, &v1alpha1.SchedPatch{}, client.InNamespace(f.namespace))).To(Succeed()) // there is no garbage collector
		ledger := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: remediation.LedgerName}}
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, ledger))).To(Succeed()) // all tests together delete more than five Pods a minute
	})
	return f
}

func (f *fixture) pod(ctx context.Context, name string) func(Gomega) *corev1.Pod {
	return func(g Gomega) *corev1.Pod {
		pod := &corev1.Pod{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: name}, pod)).To(Succeed())
		return pod
	}
}

// uid waits for a Pod that is not the one of this UID, which its kubelet lets go once it is deleted.
func (f *fixture) uid(ctx context.Context, name string, not types.UID) types.UID {
	GinkgoHelper()
	var uid types.UID
	Eventually(func(g Gomega) {
		pod := f.pod(ctx, name)(g)
		if uid = pod.UID; pod.DeletionTimestamp != nil {
			g.Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		}
		g.Expect(uid).NotTo(Equal(not))
	}).Should(Succeed(), name+" made anew")
	return uid
}

// bind schedules a Pod, and lets its kubelet say something.
func (f *fixture) bind(ctx context.Context, name, node string, say func(*corev1.Pod)) types.UID {
	GinkgoHelper()
	var pod *corev1.Pod
	Eventually(func(g Gomega) { pod = f.pod(ctx, name)(g) }).Should(Succeed(), name)
	Expect(k8s.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: node}})).To(Succeed())
	Eventually(func(g Gomega) {
		pod = f.pod(ctx, name)(g)
		say(pod)
		g.Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
	}).Should(Succeed(), name)
	return pod.UID
}

func runs(pod *corev1.Pod) {
	build.RunContainers(pod)
	pod.Status.ContainerStatuses[0].State.Running.StartedAt = metav1.Now()
	build.SetReady(pod, true, time.Now())
}

// cannotPull is a Pod that has not got its image for ten minutes.
func cannotPull(pod *corev1.Pod) {
	since := metav1.NewTime(time.Now().Add(-10 * time.Minute))
	pod.Status.Phase = corev1.PodPending
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: since},
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: since},
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Image: "app:1", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"},
	}}}
}

func isRefused(pod *corev1.Pod) {
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, "OutOfcpu", "Node didn't have enough resource: cpu"
}

func (f *fixture) status(ctx context.Context) func(Gomega) v1beta1.StatefulSetStatus {
	return func(g Gomega) v1beta1.StatefulSetStatus {
		set := &v1beta1.StatefulSet{}
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), set)).To(Succeed())
		return set.Status
	}
}

// haveCondition matches a status by one of its conditions.
func haveCondition(kind string, status metav1.ConditionStatus, reason, saying string) OmegaMatcher {
	return MatchFields(IgnoreExtras, Fields{"Conditions": ContainElement(MatchFields(IgnoreExtras, Fields{
		"Type": Equal(kind), "Status": Equal(status), "Reason": Equal(reason), "Message": ContainSubstring(saying),
	}))})
}

// patch is the SchedPatch of the set.
func (f *fixture) patch(ctx context.Context) func(Gomega) *v1alpha1.SchedPatch {
	return func(g Gomega) *v1alpha1.SchedPatch {
		patch := &v1alpha1.SchedPatch{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: "web-remediation"}, patch)).To(Succeed())
		return patch
	}
}
