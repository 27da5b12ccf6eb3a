// SPDX-License-Identifier: Apache-2.0

// Package freshness makes sure that what a replica knows is no older than the request it answers.
//
// A watch lags behind: the API server answers whoever creates a SidecarSet before any replica has heard of it. Where
// injection is enforced, a Pod must not slip through that gap. So before such a Pod is admitted, the API server is
// asked which SidecarSets there are, with the version of each, and the Pod waits until the watch has brought at least
// those:
//
//	set created ---- answered ---- Pod sent ---- asked ---- seen ---- admitted
//	                                             |<-- at most patience -->|
//
// If that takes too long the Pod is refused, and whoever creates it tries again. Only names and versions are asked for,
// and all requests that come while one question is under way share the next one.
package freshness

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// patience is how long a Pod waits at most. The API server itself gives up after webhook.timeoutSeconds.pods, 3 s by
// default.
const patience = 2 * time.Second

// Cluster is the cluster as the API server knows it now. It is safe for concurrent use.
type Cluster struct {
	seen       *Seen
	live       shared[map[string]string]
	namespaces namespaces
}

// New compares what a watch of SidecarSets has seen with what a reader finds that answers from the API server, not from
// a cache.
func New(seen *Seen, reader client.Reader) *Cluster {
	return &Cluster{
		seen:       seen,
		live:       shared[map[string]string]{ask: func(ctx context.Context) (map[string]string, error) { return versions(ctx, reader) }},
		namespaces: namespaces{reader: reader, byName: map[string]*namespaceReader{}},
	}
}

// Wait returns when every SidecarSet is known in the state, or a later one, that it had when Wait was called. It says
// nothing of sets that were deleted since: the replica may know them a little longer. An error says that it was not had
// in time.
func (c *Cluster) Wait(ctx context.Context) error {
	began := time.Now()
	defer func() { waits.Observe(time.Since(began).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	live, err := c.live.get(ctx)
	if err != nil {
		return fmt.Errorf("ask the API server which SidecarSets there are: %w", err)
	}
	return c.seen.wait(ctx, live)
}

// Labels are those that a Namespace has now. Nobody changes what is returned.
func (c *Cluster) Labels(ctx context.Context, namespace string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.namespaces.labels(ctx, namespace)
}

// versions are the resource versions of all SidecarSets, by name.
func versions(ctx context.Context, reader client.Reader) (map[string]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1beta1.GroupVersion.WithKind("SidecarSetList"))
	if err := reader.List(ctx, list); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(list.Items))
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return out, nil
}
