// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// What a kubelet is too old for is an obstacle; of one that nobody knows it is not found out by a restart.
func TestAKubeletThatCannotMakeTheChange(t *testing.T) {
	const inPlaceOnly, ifPossible = v1beta1.InPlaceOnlyPodUpdatePolicy, v1beta1.InPlaceIfPossiblePodUpdatePolicy
	resize := func(spec *corev1.PodSpec) {
		spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("20m")
	}
	native := func(spec *corev1.PodSpec) { spec.InitContainers[0].Image = "mesh:2" }
	image := func(spec *corev1.PodSpec) { spec.Containers[0].Image = "app:2" }
	for name, test := range map[string]struct {
		policy  v1beta1.PodUpdatePolicyType
		kubelet string
		change  func(*corev1.PodSpec)
		// plan is what happens to Pods, ready the reason and a part of the message of Ready.
		plan, ready string
	}{
		"a resize, new enough":                         {inPlaceOnly, "v1.33.0", resize, "update Pod web-2 in place: its turn has come", ""},
		"a resize, too old":                            {inPlaceOnly, "v1.32.9", resize, "", "NotUpgradable: resources (kubelet v1.32.9 of node node-1 resizes no containers, 1.33.0 does)"},
		"a resize, too old, and Pods may be recreated": {ifPossible, "v1.32.9", resize, "delete Pod web-2: its turn has come; this cannot change in a running Pod: resources (kubelet v1.32.9", ""},
		"a resize, nobody knows":                       {inPlaceOnly, "", resize, "", "PodsUpdating: Node node-1 does not say which version its kubelet has"},
		"nobody knows, and Pods might be recreated":    {ifPossible, "", resize, "", "PodsUpdating: Node node-1 does not say which version its kubelet has"},
		"a native sidecar, new enough":                 {inPlaceOnly, "v1.32.0", native, "update Pod web-2 in place: its turn has come", ""},
		"a native sidecar, too old":                    {inPlaceOnly, "v1.31.4", native, "", "NotUpgradable: native sidecars"},
		"a native sidecar, nobody knows":               {ifPossible, "", native, "", "PodsUpdating: Node node-1 does not say which version its kubelet has"},
		"another image asks for no kubelet":            {inPlaceOnly, "", image, "update Pod web-2 in place: its turn has come", ""},
		"what is recreated anyway asks for no kubelet": {v1beta1.ReCreatePodUpdatePolicy, "", resize, "delete Pod web-2: its turn has come", ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := build.MakeStatefulSet("web").Replicas(3).Policy(test.policy).Spec(func(spec *v1beta1.StatefulSetSpec) {
				pod := &spec.Template.Spec
				pod.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: build.Quantity("10m")}
				pod.InitContainers = []corev1.Container{{Name: "mesh", Image: "mesh:1", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
			})
			w := settled(t, set)
			cluster.Change(w.Store, cluster.Node, cluster.Key{Name: "node-1"}, func(node *corev1.Node) { node.Status.NodeInfo.KubeletVersion = test.kubelet })
			w.edit("a change", func(spec *v1beta1.StatefulSetSpec) { test.change(&spec.Template.Spec) })
			plan := w.decide()
			if got := strings.Join(plan, "; "); !strings.HasPrefix(got, test.plan) || (got == "") != (test.plan == "") {
				t.Fatalf("plan %q, want %q", got, test.plan)
			}
			if test.ready == "" {
				return
			}
			ready := meta.FindStatusCondition(w.judged(func(*Plan) *Outcome { return &Outcome{} }).Conditions, v1beta1.ConditionReady)
			reason, words, _ := strings.Cut(test.ready, ": ")
			if ready.Reason != reason || !strings.Contains(ready.Message, words) {
				t.Errorf("Ready is %s: %s", ready.Reason, ready.Message)
			}
			if reason == v1beta1.ReasonPodsUpdating {
				if in := w.plan().RequeueAfter; in != kubeletLooks {
					t.Errorf("looks again in %s", in)
				}
				cluster.Change(w.Store, cluster.Node, cluster.Key{Name: "node-1"}, func(node *corev1.Node) { node.Status.NodeInfo.KubeletVersion = "v1.37.1" })
				if plan := w.decide(); len(plan) != 1 {
					t.Errorf("once the node says it: %v", plan)
				}
			}
		})
	}
}
