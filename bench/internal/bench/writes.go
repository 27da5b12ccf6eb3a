// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"net/http"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// Writes are how many there were to some Pods.
type Writes struct {
	// Taken are those that the API server took, Conflicts those that it refused because somebody else had written before,
	// by their resourceVersion or by a condition that a JSON patch tests, and Tried those that were only to be tried (dry runs),
	// whatever came of them.
	Taken, Conflicts, Tried int
}

func countWrites(writes []framework.PodWrite) (out Writes) {
	for i := range writes {
		switch w := &writes[i]; {
		case w.Tried:
			out.Tried++
		case w.Taken():
			out.Taken++
		case w.Code == http.StatusConflict, w.Code == http.StatusUnprocessableEntity:
			out.Conflicts++
		}
	}
	return out
}

// Counter counts what the programs of the release write from now on.
type Counter struct {
	env    *Env
	mark   *framework.AuditMark
	events float64
}

// Count begins to count.
func (e *Env) Count(ctx context.Context) (*Counter, error) {
	events, err := e.eventWrites(ctx)
	if err != nil {
		return nil, err
	}
	mark, err := e.Cluster.AuditMark()
	return &Counter{env: e, mark: mark, events: events}, err
}

// Writes ends the count: the writes of both programs to the Pods of a namespace, and how many writes of events there were
// in the whole cluster, whoever made them.
func (c *Counter) Writes(ctx context.Context, namespace string) (pods Writes, events float64, err error) {
	writes, err := c.mark.PodWrites(namespace, "system:serviceaccount:"+c.env.Cluster.Options.Namespace+":")
	if err != nil {
		return pods, 0, err
	}
	now, err := c.env.eventWrites(ctx)
	return countWrites(writes), now - c.events, err
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
