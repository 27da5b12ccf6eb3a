// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// calmSeconds is a deadline that no rollout misses because the machine is busy.
const calmSeconds = 3600

// Every status that each condition takes while a rollout begins and ends, gets stuck, and is mended. What is not named
// does not change.
var (
	rolledOut = map[string][]metav1.ConditionStatus{
		v1beta1.ConditionReady:       {metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionTrue},
		v1beta1.ConditionReconciling: {"", metav1.ConditionTrue, ""},
	}
	gotStuck = map[string][]metav1.ConditionStatus{
		v1beta1.ConditionReady:       {metav1.ConditionTrue, metav1.ConditionFalse},
		v1beta1.ConditionReconciling: {"", metav1.ConditionTrue, ""},
		v1beta1.ConditionStalled:     {"", metav1.ConditionTrue},
		v1beta1.ConditionProgressing: {metav1.ConditionTrue, metav1.ConditionFalse},
	}
	mended = map[string][]metav1.ConditionStatus{
		v1beta1.ConditionReady:       {metav1.ConditionFalse, metav1.ConditionTrue},
		v1beta1.ConditionReconciling: {"", metav1.ConditionTrue, ""},
		v1beta1.ConditionStalled:     {metav1.ConditionTrue, ""},
		v1beta1.ConditionProgressing: {metav1.ConditionFalse, metav1.ConditionTrue},
	}
)

var _ = Describe("The conditions of a rollout", func() {
	It("say after the deadline that it is stuck, and change once for each cause", func(ctx SpecContext) {
		made, _ := startStateful(ctx, 3, withDeadline(calmSeconds))
		changed, _ := startStateful(ctx, 3, withDeadline(calmSeconds), inPlaceIfPossible)
		sidecars := startRollout(ctx, 3, func(set *v1beta1.SidecarSet) { set.Spec.ProgressDeadlineSeconds = ptr.To[int32](calmSeconds) })
		all := []*conditioned{
			followStateful(ctx, "StatefulSet, Pods made anew", made), followStateful(ctx, "StatefulSet, Pods changed in place", changed),
			followSidecars(ctx, sidecars),
		}

		By("rolling out")
		for _, c := range all {
			c.change(ctx, "v2", calmSeconds)
		}
		for _, c := range all {
			c.expectReady(ctx)
			c.expectChanges(ctx, "a rollout", rolledOut)
		}

		By("rolling out what cannot be")
		for _, c := range all {
			c.change(ctx, "missing", deadlineSeconds)
		}
		for _, c := range all {
			c.expectStalled(ctx)
			c.expectChanges(ctx, "a rollout that gets stuck", gotStuck)
		}

		By("mending it")
		for _, c := range all {
			c.change(ctx, "v3", calmSeconds)
		}
		for _, c := range all {
			c.expectReady(ctx)
			c.expectChanges(ctx, "its mending", mended)
		}
		kubectl(ctx, "", "--namespace", made.key.Namespace, "wait", "--for=condition=Available", kubectlPatience, kubectlName)
		for _, c := range all {
			c.expectNoMore()
		}
	}, SpecTimeout(framework.SpecPatience))
})

// withDeadline gives a rollout so many seconds to get on.
func withDeadline(seconds int32) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.ProgressDeadlineSeconds = &seconds }
}

// conditioned is a set whose conditions are recorded.
type conditioned struct {
	name string
	// set is read into before it is looked at.
	set      client.Object
	status   func() []metav1.Condition
	setImage func(ctx context.Context, tag string, deadline int32)
	// resource names the set for kubectl.
	resource string

	history *framework.ConditionHistory
	// seen are the changes that earlier causes account for; at is when the set was last changed.
	seen int
	at   time.Time
}

func followStateful(ctx context.Context, name string, s *stateful) *conditioned {
	GinkgoHelper()
	set := s.get(ctx)
	return recordConditions(ctx, &conditioned{
		name: name, set: set, status: func() []metav1.Condition { return set.Status.Conditions }, resource: kubectlName,
		setImage: func(ctx context.Context, tag string, deadline int32) {
			GinkgoHelper()
			s.change(ctx, withImage("ghcr.io/windlass-operator/testapp:"+tag), withDeadline(deadline))
		},
	})
}

func followSidecars(ctx context.Context, r *rollout) *conditioned {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, r.set)
	Expect(err).NotTo(HaveOccurred())
	return recordConditions(ctx, &conditioned{
		name: "SidecarSet", set: set, status: func() []metav1.Condition { return set.Status.Conditions }, resource: "sidecarsets.apps.kruise.io/" + r.set,
		setImage: func(ctx context.Context, tag string, deadline int32) {
			GinkgoHelper()
			r.change(ctx, func(set *v1beta1.SidecarSet) {
				set.Spec.ProgressDeadlineSeconds = &deadline
				setImage("ghcr.io/windlass-operator/testsidecar:" + tag)(set)
			})
		},
	})
}

func recordConditions(ctx context.Context, c *conditioned) *conditioned {
	GinkgoHelper()
	history, err := cluster.RecordConditions(ctx, c.set)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error {
		_, err := history.Stop()
		return err
	})
	c.history = history
	return c
}

// change gives the container another tag, which is a new cause, and the rollout so many seconds to get on.
func (c *conditioned) change(ctx context.Context, tag string, deadline int32) {
	GinkgoHelper()
	c.at = time.Now()
	c.setImage(ctx, tag, deadline)
}

// expectReady waits as people do, for the set to be Ready.
func (c *conditioned) expectReady(ctx context.Context) {
	GinkgoHelper()
	args := []string{"wait", "--for=condition=Ready", kubectlPatience, c.resource}
	if namespace := c.set.GetNamespace(); namespace != "" {
		args = append(args, "--namespace", namespace)
	}
	kubectl(ctx, "", args...)
}

// expectStalled waits for the deadline to be told of. A transition time is the second in which the status changed.
func (c *conditioned) expectStalled(ctx context.Context) {
	GinkgoHelper()
	var stalled *metav1.Condition
	Eventually(ctx, func() *metav1.Condition {
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(c.set), c.set)).To(Succeed())
		stalled = meta.FindStatusCondition(c.status(), v1beta1.ConditionStalled)
		return stalled
	}).Should(And(Not(BeNil()), HaveField("Reason", v1beta1.ReasonProgressDeadlineExceeded)), c.name)
	earliest, latest := stalled.LastTransitionTime.Sub(c.at), stalled.LastTransitionTime.Add(time.Second).Sub(c.at)
	figure(c.name, "Stalled between %.1f and %.1f s after the change, the deadline being %d s: %s", earliest.Seconds(), latest.Seconds(), deadlineSeconds, stalled.Message)
	Expect(latest).To(BeNumerically(">=", deadlineSeconds*time.Second), c.name)
}

// expectChanges holds that since the last cause conditions changed as they should, and no more than that. What changes
// later counts as the next cause's.
func (c *conditioned) expectChanges(ctx context.Context, cause string, want map[string][]metav1.ConditionStatus) {
	GinkgoHelper()
	var changes []framework.ConditionChange
	Eventually(ctx, func() map[string][]metav1.ConditionStatus {
		changes = c.history.Changes()
		return framework.Statuses(changes[c.seen:])
	}).Should(Equal(want), "%s: %s", c.name, cause)
	c.seen = len(changes)
}

// expectNoMore holds that nothing has changed since.
func (c *conditioned) expectNoMore() {
	GinkgoHelper()
	Expect(framework.Statuses(c.history.Changes()[c.seen:])).To(BeEmpty(), c.name)
}
