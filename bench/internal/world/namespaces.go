// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// removeTimeout is how long a namespace with all its Pods may take to go.
const removeTimeout = 20 * time.Minute

// Namespace makes one whose name begins so.
func (w *World) Namespace(ctx context.Context, prefix string) (string, error) {
	namespace, err := w.Cluster.NewNamespace(ctx, "bench-"+prefix, nil)
	if err != nil {
		return "", err
	}
	return namespace.Name, nil
}

// Remove takes namespaces away with all that is in them and waits until they are gone: what follows is not to be
// measured together with their end. It also does so when the context has ended, and goes on with the others after an
// error.
func (w *World) Remove(ctx context.Context, namespaces ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	var (
		errs  []error
		going []string
	)
	for _, namespace := range namespaces {
		if err := w.empty(ctx, namespace); err != nil {
			errs = append(errs, fmt.Errorf("remove namespace %s: %w", namespace, err))
			continue // it need not go, so nobody waits for it
		}
		going = append(going, namespace)
	}
	for _, namespace := range going {
		errs = append(errs, w.awaitRemoved(ctx, namespace))
	}
	return errors.Join(errs...)
}

func (w *World) awaitRemoved(ctx context.Context, namespace string) error {
	return framework.Until(ctx, removeTimeout, "remove namespace "+namespace, func(ctx context.Context) error {
		err := w.Cluster.Client.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{})
		switch {
		case err == nil:
			return errors.New("it is there still")
		case apierrors.IsNotFound(err):
			return nil
		}
		return err
	})
}

// empty deletes the workloads first, or they would make their Pods anew.
func (w *World) empty(ctx context.Context, namespace string) error {
	var errs []error
	in := client.InNamespace(namespace)
	for _, kind := range []client.Object{&v1beta1.StatefulSet{}, &appsv1.StatefulSet{}, &appsv1.Deployment{}, &appsv1.ReplicaSet{}} {
		errs = append(errs, framework.DeleteAll(ctx, w.Cluster.Client, kind, in, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	}
	return errors.Join(append(errs, w.Cluster.DeleteNamespace(ctx, namespace))...)
}
