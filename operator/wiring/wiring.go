// SPDX-License-Identifier: Apache-2.0

// Package wiring is what all controllers of the operator share of their manager: what its cache keeps and finds objects
// by. The integration suites start from the same.
package wiring

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/disruption"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/program"
)

// Cache keeps of each object only what some controller reads.
func Cache() cache.Options {
	return cache.Options{
		DefaultTransform: program.DropBookkeeping,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:                   {Transform: podcache.TrimOwned},
			&corev1.Node{}:                  {Transform: podcache.TrimNode},
			&policyv1.PodDisruptionBudget{}: {Transform: disruption.Trim},
			&corev1.PersistentVolumeClaim{}: {Transform: statefulset.TrimClaim},
			&appsv1.ControllerRevision{}:    {Transform: statefulset.TrimRevision},
		},
	}
}

// Client reads its own writes: every decision is taken on a snapshot that has seen them.
func Client() client.Options {
	return client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}}
}

// IndexPods adds the indexes of Pods that several controllers use.
func IndexPods(ctx context.Context, indexer client.FieldIndexer) error {
	for name, keys := range map[string]func(metav1.Object) []string{
		podcache.ControllerIndex: podcache.ControllerUID, podcache.OrphanIndex: podcache.OrphanParent,
		podcache.PullerIndex: podcache.PullerOwner,
	} {
		err := indexer.IndexField(ctx, &corev1.Pod{}, name, func(object client.Object) []string { return keys(object) })
		if err != nil {
			return fmt.Errorf("index Pods by %s: %w", name, err)
		}
	}
	return nil
}
