// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// nodeLabel is that of the benchmark's nodes; its Pods ask for them.
	nodeLabel = "bench.windlass.dev/node"
	// simulated is the annotation by which kwok takes care of a Node, and the taint that keeps others' Pods away.
	simulated = "kwok.x-k8s.io/node"
	// roomOfAdded is how many Pods a node of AddNodes has room for.
	roomOfAdded = 110
	// nodesTimeout is how long new nodes may take to be ready.
	nodesTimeout = 2 * time.Minute
)

// EnsureNodes makes simulated nodes with room for so many Pods each, as many as are missing, and waits until all are
// ready.
func (w *World) EnsureNodes(ctx context.Context, count, podsEach int) error {
	err := Workers(ctx, plainWorkers, count, func(ctx context.Context, i int) error {
		return client.IgnoreAlreadyExists(w.Cluster.Client.Create(ctx, node(i, podsEach)))
	})
	if err != nil {
		return fmt.Errorf("make simulated nodes: %w", err)
	}
	return framework.Until(ctx, nodesTimeout, "make simulated nodes", func(ctx context.Context) error {
		nodes := &corev1.NodeList{}
		if err := w.Cluster.Client.List(ctx, nodes, client.MatchingLabels{nodeLabel: "true"}); err != nil {
			return err
		}
		ready := 0
		for i := range nodes.Items {
			if nodeReady(&nodes.Items[i]) {
				ready++
			}
		}
		if ready < count {
			return fmt.Errorf("%d of %d are ready", ready, count)
		}
		return nil
	})
}

// AddNodes makes further nodes like those of EnsureNodes, for RemoveNodes to take away.
func (w *World) AddNodes(ctx context.Context, count int) ([]*corev1.Node, error) {
	nodes := make([]*corev1.Node, count)
	for i := range nodes {
		nodes[i] = node(i, roomOfAdded)
		nodes[i].Name = fmt.Sprintf("bench-added-%d", i)
		nodes[i].Labels[corev1.LabelHostname] = nodes[i].Name
	}
	return nodes, Workers(ctx, plainWorkers, count, func(ctx context.Context, i int) error {
		return client.IgnoreAlreadyExists(w.Cluster.Client.Create(ctx, nodes[i].DeepCopy()))
	})
}

// RemoveNodes also goes on when the context has ended, and after an error.
func (w *World) RemoveNodes(ctx context.Context, nodes []*corev1.Node) error {
	return All(context.WithoutCancel(ctx), plainWorkers, len(nodes), func(ctx context.Context, i int) error {
		return client.IgnoreNotFound(w.Cluster.Client.Delete(ctx, nodes[i]))
	})
}

func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func node(number, pods int) *corev1.Node {
	name := fmt.Sprintf("bench-%d", number)
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("4Ti"),
		corev1.ResourcePods:             *resource.NewQuantity(int64(pods), resource.DecimalSI),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{simulated: "fake"},
			Labels: map[string]string{
				nodeLabel: "true", "type": "kwok", corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
			},
		},
		Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: simulated, Value: "fake", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}
}
