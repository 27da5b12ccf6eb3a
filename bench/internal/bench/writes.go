// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"

	"github.com/windlass-operator/windlass/bench/internal/audit"
)

// Counter counts what the programs of the release write from now on.
type Counter struct {
	env    *Env
	mark   *audit.Mark
	events float64
}

// Count begins to count.
func (e *Env) Count(ctx context.Context) (*Counter, error) {
	if !e.Cluster.CanAudit() {
		return nil, errors.New("-audit-log is not set: it must name the audit log of the cluster's API server")
	}
	events, err := e.eventWrites(ctx)
	if err != nil {
		return nil, err
	}
	mark, err := audit.Here(e.Cluster.Options.AuditLog)
	return &Counter{env: e, mark: mark, events: events}, err
}

// Writes ends the count: the writes of both programs to the Pods of a namespace, and how many writes of events there were
// in the whole cluster, whoever made them.
func (c *Counter) Writes(ctx context.Context, namespace string) (pods audit.Writes, events float64, err error) {
	pods, err = c.mark.Since(namespace, "system:serviceaccount:"+c.env.Cluster.Options.Namespace+":")
	if err != nil {
		return pods, 0, err
	}
	now, err := c.env.eventWrites(ctx)
	return pods, now - c.events, err
}

func (e *Env) eventWrites(ctx context.Context) (float64, error) {
	metrics, err := e.APIServer(ctx)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY"} {
		sum += metrics.Sum("apiserver_request_total", map[string]string{"resource": "events", "verb": verb})
	}
	return sum, nil
}
