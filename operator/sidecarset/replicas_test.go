// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/windlass-operator/windlass/program"
)

func TestWhetherAWebhookWouldInject(t *testing.T) {
	slice := func(service string, ready ...*bool) *discoveryv1.EndpointSlice {
		out := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			Namespace: "windlass-system", Name: "slice", Labels: map[string]string{discoveryv1.LabelServiceName: service},
		}}
		for _, r := range ready {
			out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: r}})
		}
		return out
	}
	for name, test := range map[string]struct {
		slice *discoveryv1.EndpointSlice
		away  bool
	}{
		"one of two is ready":      {slice("webhook", ptr.To(false), ptr.To(true)), false},
		"nobody says it is not":    {slice("webhook", nil), false},
		"none is ready":            {slice("webhook", ptr.To(false)), true},
		"there is none":            {slice("webhook"), true},
		"those of another Service": {slice("other", ptr.To(true)), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := webhookReplicas{
				live:      fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(test.slice).Build(),
				namespace: "windlass-system", service: "webhook",
			}
			why, err := w.away(t.Context())
			if err != nil || (why != "") != test.away {
				t.Errorf("away: %q, error %v; want %t", why, err, test.away)
			}
		})
	}
}
