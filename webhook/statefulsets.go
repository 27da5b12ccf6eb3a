// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/follow"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

// serveStatefulSets registers the admission of StatefulSets. There is no handler for their defaults: all of them are in
// the CRD.
func serveStatefulSets(ctx context.Context, mgr manager.Manager) error {
	classes, err := follow.Cached(ctx, mgr.GetCache(), "StorageClasses", &storagev1.StorageClass{})
	if err != nil {
		return err
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("set up questions about what the API server serves: %w", err)
	}
	register(mgr.GetWebhookServer(), statefulset.ValidatePath, statefulset.NewValidator(statefulset.Config{
		StorageClasses: mgr.GetCache(),
		Namespaces:     mgr.GetAPIReader(),
		CanResize:      func(ctx context.Context) (bool, error) { return program.ServesResize(ctx, served) },
	}))
	return mgr.AddReadyzCheck("storageclasses", classes.Check)
}
