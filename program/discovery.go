// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
)

// ServesResize reports whether the API server can resize running Pods.
func ServesResize(ctx context.Context, served *discovery.DiscoveryClient) (bool, error) {
	resources, err := served.ServerResourcesForGroupVersionWithContext(ctx, "v1")
	if err != nil {
		return false, fmt.Errorf("ask the API server what it serves: %w", err)
	}
	return slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == "pods/resize" }), nil
}
