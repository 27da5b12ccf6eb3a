// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// webhookReplicas are those of the Pod webhook, as its Service finds them.
type webhookReplicas struct {
	// live asks the API server. Nil stands for a webhook that always answers.
	live client.Reader
	// namespace and service are those of the webhook's Service.
	namespace, service string
}

// away says why no new Pod would get sidecars now, "" when a replica is ready. Endpoints are removed a few seconds
// after a replica has gone, so this is no proof that one answers; it only spares Pods for which none will.
func (w *webhookReplicas) away(ctx context.Context) (string, error) {
	if w.live == nil {
		return "", nil
	}
	list := &discoveryv1.EndpointSliceList{}
	err := w.live.List(ctx, list, client.InNamespace(w.namespace), client.MatchingLabels{discoveryv1.LabelServiceName: w.service})
	if err != nil {
		return "", fmt.Errorf("list the endpoints of Service %s/%s: %w", w.namespace, w.service, err)
	}
	for i := range list.Items {
		if slices.ContainsFunc(list.Items[i].Endpoints, func(e discoveryv1.Endpoint) bool { return ptr.Deref(e.Conditions.Ready, true) }) {
			return "", nil
		}
	}
	return fmt.Sprintf("Service %s/%s of the webhook has no ready replica", w.namespace, w.service), nil
}
