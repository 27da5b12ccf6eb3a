// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// SidecarContainer is the name of the sidecar that SidecarSet injects.
const SidecarContainer = "sidecar"

// SidecarSet makes a SidecarSet that injects one sidecar, serving and probed on port 8081, into the Pods of one
// workload in one namespace. It is not created yet.
func SidecarSet(name, namespace, app string) *v1beta1.SidecarSet {
	return &v1beta1.SidecarSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1beta1.SidecarSetSpec{
			Selector:          &metav1.LabelSelector{MatchLabels: map[string]string{AppLabel: app}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Containers:        []v1beta1.SidecarContainer{{Container: Sidecar(SidecarContainer, 8081)}},
		},
	}
}

// Sidecar is a container that serves, and is probed, on a port.
func Sidecar(name string, port int) corev1.Container {
	return corev1.Container{
		Name:           name,
		Image:          SidecarImage,
		Env:            []corev1.EnvVar{{Name: "APP_ADDR", Value: fmt.Sprintf(":%d", port)}},
		ReadinessProbe: HTTPProbe(port),
	}
}

// ChangeSidecarSet patches what the function changes in a SidecarSet and returns the object as it is then.
func (c *Cluster) ChangeSidecarSet(ctx context.Context, name string, change func(*v1beta1.SidecarSet)) (*v1beta1.SidecarSet, error) {
	set, err := c.GetSidecarSet(ctx, name)
	if err != nil {
		return nil, err
	}
	before := set.DeepCopy()
	change(set)
	if err := c.Client.Patch(ctx, set, client.MergeFrom(before)); err != nil {
		return nil, fmt.Errorf("change SidecarSet %s: %w", name, err)
	}
	return set, nil
}

// GetSidecarSet reads a SidecarSet.
func (c *Cluster) GetSidecarSet(ctx context.Context, name string) (*v1beta1.SidecarSet, error) {
	set := &v1beta1.SidecarSet{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: name}, set); err != nil {
		return nil, fmt.Errorf("read SidecarSet %s: %w", name, err)
	}
	return set, nil
}

// DeleteSidecarSet deletes a SidecarSet, if it is there.
func (c *Cluster) DeleteSidecarSet(ctx context.Context, name string) error {
	set := &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Client.Delete(ctx, set); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete SidecarSet %s: %w", name, err)
	}
	return nil
}

// HasCondition returns nil when the operator has seen the SidecarSet's latest generation and reports the condition with
// the status and, unless it is empty, the reason. It is what `kubectl wait --for=condition=...` asks.
func (c *Cluster) HasCondition(ctx context.Context, name, condition string, status metav1.ConditionStatus, reason string) error {
	set, err := c.GetSidecarSet(ctx, name)
	if err != nil {
		return err
	}
	if set.Status.ObservedGeneration != set.Generation {
		return fmt.Errorf("SidecarSet %s: the operator has seen generation %d, not %d yet", name, set.Status.ObservedGeneration, set.Generation)
	}
	found := meta.FindStatusCondition(set.Status.Conditions, condition)
	if found == nil {
		return fmt.Errorf("SidecarSet %s has no condition %s", name, condition)
	}
	if found.Status != status || (reason != "" && found.Reason != reason) {
		return fmt.Errorf("SidecarSet %s: condition %s is %s (%s: %s), not %s %s", name, condition, found.Status, found.Reason, found.Message, status, reason)
	}
	return nil
}
