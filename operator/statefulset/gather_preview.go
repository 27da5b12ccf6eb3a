// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/preview"
)

// Preview says what becomes of each Pod once a set is written as it is in after, its generation and UID included.
// Nothing that only the operator's processes know is taken to be known; auto remediation is one of these things.
func Preview(ctx context.Context, from *preview.Source, after *v1beta1.StatefulSet) (*preview.Preview, error) {
	g := &gatherer{
		reader: from.Reader, clock: from.Clock, canResize: from.CanResize, templates: newTemplates(), memory: newMemory(),
		ledger: ledger.New(), waiters: ledger.NewWaiters(),
	}
	s, err := g.around(ctx, after)
	if err != nil {
		return nil, err
	}
	return makePreview(s)
}
