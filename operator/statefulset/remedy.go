// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// Remediator moves Pods that cannot start because of their node.
type Remediator interface {
	// Concerns reports whether there is anything for it to do for a set.
	Concerns(ctx context.Context, set *v1beta1.StatefulSet) (bool, error)
	// Remediate does what is to be done now and says how it stands; nil when there is nothing to say.
	Remediate(ctx context.Context, input *remediation.Input) (*remediation.Result, error)
	// Forget drops what is remembered of a set that is gone.
	Forget(set types.NamespacedName)
}

var _ Remediator = &remediation.Remediator{}

// remedyTime is how long auto remediation may take in one look. It waits for the cache to have seen our own writes
// while all other sets wait for it in turn, so a watch that stalls must not hold it for ever.
const remedyTime = time.Minute

// Prepare lets auto remediation do its part for a set before anything is planned, and returns the snapshot with its
// result. Where a Pod was deleted the set is looked at again. When it fails, or is not done after remedyTime, the set is
// cared for as it would be without it, and what the status says of it stays.
func (r *steps) Prepare(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	if r.remediator == nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, remedyTime)
	defer cancel()
	concerned, err := r.remediator.Concerns(ctx, s.Set)
	if err == nil && !concerned {
		return s, nil
	}
	var result *remediation.Result
	if err == nil {
		result, err = r.remediate(ctx, s)
	}
	if err != nil {
		return s.withRemedy(lastResult(s.Set)), err
	}
	if result != nil && result.Deleted {
		if s, err = r.gatherer.snapshot(ctx, client.ObjectKeyFromObject(s.Set)); s == nil || err != nil {
			return nil, err
		}
	}
	return s.withRemedy(result), nil
}

// withRemedy is the snapshot with what auto remediation says.
func (s *Snapshot) withRemedy(result *remediation.Result) *Snapshot {
	finished := *s
	finished.Remedy = result
	return &finished
}

func (r *steps) remediate(ctx context.Context, s *Snapshot) (*remediation.Result, error) {
	revisions, err := planRevisions(s)
	if err != nil {
		return nil, err
	}
	return r.remediator.Remediate(ctx, remedyInput(s, &revisions))
}
