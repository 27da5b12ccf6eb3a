package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/windlass-operator/windlass/webhook/statefulset"
)

// serveStatefulSets registers the admission of StatefulSets. There is no handler
// for their defaults: all of them are in the CRD.
func serveStatefulSets(ctx context.Context, mgr manager.Manager) error {
	classes, err := mgr.GetCache().GetInformer(ctx, &storagev1.StorageClass{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch StorageClasses: %w", err)
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("set up questions about what the API server serves: %w", err)
	}
	mgr.GetWebhookServer().Register(statefulset.ValidatePath, &webhook.Admission{Handler: statefulset.NewValidator(statefulset.Config{
		StorageClasses: mgr.GetCache(),
		Namespaces:     mgr.GetAPIReader(),
		CanResize:      func(ctx context.Context) (bool, error) { return servesResize(ctx, served) },
	})})
	return mgr.AddReadyzCheck("storageclasses", func(*http.Request) error {
		if !classes.HasSynced() {
			return errors.New("StorageClasses are still being read for the validation of StatefulSets")
		}
		return nil
	})
}

// servesResize tells whether the API server can resize running Pods. It is asked
// anew each time, since a cluster may be upgraded below a running program.
func servesResize(ctx context.Context, served *discovery.DiscoveryClient) (bool, error) {
	resources, err := served.ServerResourcesForGroupVersionWithContext(ctx, "v1")
	if err != nil {
		return false, fmt.Errorf("ask the API server what it serves: %w", err)
	}
	return slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == "pods/resize" }), nil
}
