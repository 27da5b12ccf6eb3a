// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewNamespace makes a namespace whose name starts with the prefix and is its own.
func (c *Cluster) NewNamespace(ctx context.Context, prefix string, labels map[string]string) (*corev1.Namespace, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-", Labels: labels}}
	if err := c.Client.Create(ctx, namespace); err != nil {
		return nil, fmt.Errorf("create a namespace %s-...: %w", prefix, err)
	}
	return namespace, nil
}

// DeleteNamespace starts the deletion of a namespace and of all that is in it. Its Pods are not given time to end.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string) error {
	now := client.GracePeriodSeconds(0)
	if err := DeleteAll(ctx, c.Client, &corev1.Pod{}, client.InNamespace(name), now); err != nil {
		return fmt.Errorf("delete the Pods of namespace %s: %w", name, err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	options := &client.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}
	if err := c.Client.Delete(ctx, namespace, options); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	return nil
}
