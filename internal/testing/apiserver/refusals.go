// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Refusals stands between a program and the API server, and counts the writes that were refused.
type Refusals struct {
	mu          sync.Mutex
	byNamespace map[string]int
}

// Between is for rest.Config.Wrap.
func (r *Refusals) Between(next http.RoundTripper) http.RoundTripper { return refusing{r, next} }

// In returns a function that counts the refused writes to objects of a namespace.
func (r *Refusals) In(namespace string) func() int {
	return func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.byNamespace[namespace]
	}
}

type refusing struct {
	*Refusals
	next http.RoundTripper
}

// RoundTrip passes a request on.
func (r refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil || request.Method == http.MethodGet {
		return response, err
	}
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnprocessableEntity {
		if _, after, namespaced := strings.Cut(request.URL.Path, "/namespaces/"); namespaced {
			namespace, _, _ := strings.Cut(after, "/")
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.byNamespace == nil {
				r.byNamespace = map[string]int{}
			}
			r.byNamespace[namespace]++
		}
	}
	return response, nil
}

// Events counts by their notes how often events of a reason were recorded on an object. The API server holds equal ones
// together in a series.
func Events(ctx context.Context, c client.Client, object client.Object, reason string) map[string]int {
	GinkgoHelper()
	list := &eventsv1.EventList{}
	Expect(c.List(ctx, list)).To(Succeed())
	out := map[string]int{}
	for i := range list.Items {
		e := &list.Items[i]
		if e.Regarding.UID != object.GetUID() || e.Reason != reason {
			continue
		}
		out[e.Note]++
		if e.Series != nil {
			out[e.Note] += int(e.Series.Count) - 1
		}
	}
	return out
}
