// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"io"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Other versions of the test application.
const (
	AppImageV2 = "ghcr.io/windlass-operator/testapp:v2"
	AppImageV3 = "ghcr.io/windlass-operator/testapp:v3"
)

// StatefulSet makes an Advanced StatefulSet of the test application, with everything that it does not need left to the
// defaults. It is not created yet.
func StatefulSet(namespace, name string, replicas int32) *v1beta1.StatefulSet {
	labels := map[string]string{AppLabel: name}
	return &v1beta1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1beta1.StatefulSetSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(labels)}, Spec: appSpec()},
		},
	}
}

// GetStatefulSet reads an Advanced StatefulSet.
func (c *Cluster) GetStatefulSet(ctx context.Context, key client.ObjectKey) (*v1beta1.StatefulSet, error) {
	set := &v1beta1.StatefulSet{}
	if err := c.Client.Get(ctx, key, set); err != nil {
		return nil, fmt.Errorf("read StatefulSet %s: %w", key, err)
	}
	return set, nil
}

// ChangeStatefulSet patches what the function changes in an Advanced StatefulSet and returns the object as it is then.
func (c *Cluster) ChangeStatefulSet(ctx context.Context, key client.ObjectKey, change func(*v1beta1.StatefulSet)) (*v1beta1.StatefulSet, error) {
	set, err := c.GetStatefulSet(ctx, key)
	if err != nil {
		return nil, err
	}
	before := set.DeepCopy()
	change(set)
	if err := c.Client.Patch(ctx, set, client.MergeFrom(before)); err != nil {
		return nil, fmt.Errorf("change StatefulSet %s: %w", key, err)
	}
	return set, nil
}

// StatefulSetHas returns nil when the operator has seen the Advanced StatefulSet's latest generation and reports the
// condition with the status and, unless it is empty, the reason. It is what `kubectl wait --for=condition=...` asks.
func (c *Cluster) StatefulSetHas(ctx context.Context, key client.ObjectKey, condition string, status metav1.ConditionStatus, reason string) error {
	set, err := c.GetStatefulSet(ctx, key)
	if err != nil {
		return err
	}
	if set.Status.ObservedGeneration != set.Generation {
		return fmt.Errorf("StatefulSet %s: the operator has seen generation %d, not %d yet", key, set.Status.ObservedGeneration, set.Generation)
	}
	found := meta.FindStatusCondition(set.Status.Conditions, condition)
	if found == nil {
		return fmt.Errorf("StatefulSet %s has no condition %s", key, condition)
	}
	if found.Status != status || (reason != "" && found.Reason != reason) {
		return fmt.Errorf("StatefulSet %s: condition %s is %s (%s: %s), not %s %s", key, condition, found.Status, found.Reason, found.Message, status, reason)
	}
	return nil
}

// DumpStatefulSets writes the Advanced StatefulSets and claims of a namespace, for somebody who asks why a test failed.
func (c *Cluster) DumpStatefulSets(ctx context.Context, out io.Writer, namespace string) {
	c.dumpList(ctx, out, "StatefulSets of namespace "+namespace, &v1beta1.StatefulSetList{}, client.InNamespace(namespace))
	c.dumpList(ctx, out, "Claims of namespace "+namespace, &corev1.PersistentVolumeClaimList{}, client.InNamespace(namespace))
}
