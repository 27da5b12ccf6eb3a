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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// stuckSeconds is the least that a set may ask for.
	stuckSeconds = 60
	// patchGrace is for how many seconds longer than its last exclusion a SchedPatch is good.
	patchGrace = 60
)

// withRemediation turns auto remediation on, and lets no node start the application from what it pulled before.
func withRemediation(set *v1beta1.StatefulSet) {
	set.Spec.PodManagementPolicy = "Parallel"
	set.Spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true, StuckSeconds: stuckSeconds}
	set.Spec.Template.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways
}

// withPullPolicy says when the application's image is pulled.
func withPullPolicy(policy corev1.PullPolicy) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.Template.Spec.Containers[0].ImagePullPolicy = policy }
}

// excludingFor says for how many seconds a node is excluded.
func excludingFor(seconds int32) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) { set.Spec.AutoRemediation.ExclusionSeconds = seconds }
}

// withSpread puts the Pods on as many nodes as they are allowed on.
func withSpread(set *v1beta1.StatefulSet) {
	set.Spec.Template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		TopologyKey: corev1.LabelHostname, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule,
		NodeTaintsPolicy: ptr.To(corev1.NodeInclusionPolicyHonor), LabelSelector: &metav1.LabelSelector{MatchLabels: set.Spec.Selector.MatchLabels},
	}}
}

// onNode keeps the Pods on one node.
func onNode(node string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	}
}

// rather puts the Pods on one node, as long as they are allowed there.
func rather(node string) func(*v1beta1.StatefulSet) {
	return func(set *v1beta1.StatefulSet) {
		set.Spec.Template.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 100, Preference: corev1.NodeSelectorTerm{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
			}}},
		}}
	}
}

// twoNodes are two real nodes, of which the first has lost its registry until the spec ends.
func twoNodes(ctx context.Context) (bad, good string) {
	GinkgoHelper()
	if !cluster.CanBreakNodes() {
		Skip("-cluster does not name a cluster whose nodes can be made bad")
	}
	nodes, err := cluster.Nodes(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(len(nodes)).To(BeNumerically(">=", 2), "real nodes")
	bad, good = nodes[0], nodes[1]
	Expect(cluster.BreakRegistry(ctx, bad)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.FixRegistry(ctx, bad)).To(Succeed()) })
	return bad, good
}

// recorded is a set whose Pods and conditions are followed from its creation on.
type recorded struct {
	*stateful

	since      time.Time
	history    *framework.PodHistory
	conditions *framework.ConditionHistory
}

func startRecorded(ctx context.Context, namespace string, replicas int32, edits ...func(*v1beta1.StatefulSet)) *recorded {
	GinkgoHelper()
	ctx = context.WithoutCancel(ctx) // that of a BeforeAll ends before the specs do
	r := &recorded{since: time.Now(), stateful: createStatefulIn(ctx, namespace, replicas, edits...)}
	var stop func() []framework.PodChange
	r.history, stop = r.record(ctx)
	DeferCleanup(func() { stop() })
	conditions, err := cluster.RecordConditions(ctx, r.get(ctx))
	Expect(err).NotTo(HaveOccurred())
	r.conditions = conditions
	DeferCleanup(func() error {
		_, err := conditions.Stop()
		return err
	})
	return r
}

// patch is the SchedPatch of the set's auto remediation, nil when there is none.
func (s *stateful) patch(ctx context.Context) *v1alpha1.SchedPatch {
	GinkgoHelper()
	patch := &v1alpha1.SchedPatch{}
	err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: s.key.Namespace, Name: s.key.Name + "-remediation"}, patch)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return patch
}

// remedy is what the set says of its stuck Pods: status and reason, "" when it says nothing.
func (s *stateful) remedy(ctx context.Context) func() string {
	return func() string {
		if c := meta.FindStatusCondition(s.get(ctx).Status.Conditions, v1beta1.ConditionRemediating); c != nil {
			return fmt.Sprintf("%s %s", c.Status, c.Reason)
		}
		return ""
	}
}

// remedyMessage is what the set says of its stuck Pods, for a figure.
func (s *stateful) remedyMessage(ctx context.Context) string {
	GinkgoHelper()
	if c := meta.FindStatusCondition(s.get(ctx).Status.Conditions, v1beta1.ConditionRemediating); c != nil {
		return c.Message
	}
	return "-"
}

// transition is when a condition of the set got its status.
func (s *stateful) transition(ctx context.Context, condition string) time.Time {
	GinkgoHelper()
	c := meta.FindStatusCondition(s.get(ctx).Status.Conditions, condition)
	Expect(c).NotTo(BeNil(), condition)
	return c.LastTransitionTime.Time
}

// made counts the Pods of a history that ever were.
func made(changes []framework.PodChange) int {
	seen := map[types.UID]bool{}
	for i := range changes {
		if changes[i].After != nil {
			seen[changes[i].After.UID] = true
		}
	}
	return len(seen)
}

// expectNoneStarted holds that of the Pods that were deleted the application had never started.
func expectNoneStarted(changes []framework.PodChange) {
	GinkgoHelper()
	for i := range changes {
		gone := changes[i].Before
		if changes[i].After != nil || gone == nil {
			continue
		}
		for _, status := range gone.Status.ContainerStatuses {
			if status.Name != framework.AppContainer {
				continue
			}
			Expect(status.State.Running).To(BeNil(), "Pod %s was deleted while container %s ran", gone.Name, status.Name)
			Expect(status.LastTerminationState.Terminated).To(BeNil(), "Pod %s was deleted after container %s had run", gone.Name, status.Name)
		}
	}
}

// storageOn makes a StorageClass of the namespace's name with one volume that one node alone has. Both go when the spec
// ends.
func storageOn(ctx context.Context, namespace, node string) {
	GinkgoHelper()
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteStorage(ctx, namespace, 1)).To(Succeed()) })
	Expect(cluster.NewStorage(ctx, namespace, 1, "1Gi")).To(Succeed())
	volume := &corev1.PersistentVolume{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: namespace + "-0"}, volume)).To(Succeed())
	before := volume.DeepCopy()
	volume.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
	}}}}
	Expect(cluster.Client.Patch(ctx, volume, client.MergeFrom(before))).To(Succeed())
}

// badNodes are simulated nodes in the pool of a namespace that never manage to pull an image. They go with the others.
// Each has room for one Pod, so that a Pod which is moved does not meet one after the other.
func badNodes(ctx context.Context, namespace string, count int) {
	GinkgoHelper()
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("1")}
	for n := range count {
		name := fmt.Sprintf("bad-%s-%d", namespace, n)
		Expect(cluster.Client.Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Annotations: map[string]string{simulatedTaint: "fake"},
				Labels: map[string]string{poolLabel: namespace, corev1.LabelHostname: name, corev1.LabelOSStable: "linux"},
			},
			Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: simulatedTaint, Value: "fake", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
		})).To(Succeed())
	}
}

// inPool sends the Pods to the simulated nodes of the namespace.
func inPool(set *v1beta1.StatefulSet) {
	spec := &set.Spec.Template.Spec
	spec.NodeSelector = map[string]string{poolLabel: set.Namespace}
	spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: simulatedTaint, Operator: corev1.TolerationOpExists})
}

// usableNodes counts the nodes that are Ready and schedulable.
func usableNodes(ctx context.Context) (n int) {
	GinkgoHelper()
	list := &corev1.NodeList{}
	Expect(cluster.Client.List(ctx, list)).To(Succeed())
	for i := range list.Items {
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !list.Items[i].Spec.Unschedulable {
				n++
			}
		}
	}
	return n
}
