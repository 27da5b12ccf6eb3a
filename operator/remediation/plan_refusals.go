// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"cmp"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Refusal is that the API server did not delete a Pod, as when a policy forbids it.
type Refusal struct {
	// Pod is the UID of the Pod, and Message is what the server says.
	Pod     types.UID
	Message string
}

// answered reports whether an error is the API server's answer, and not that there was none.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// refusalOf is what is to be recorded of an error, nil when it is not an answer to a deletion.
func refusalOf(d *Deletion, err error) *Refusal {
	if d == nil || !answered(err) {
		return nil
	}
	reason := cmp.Or(string(apierrors.ReasonForError(err)), "Denied")
	return &Refusal{Pod: d.Pod.UID, Message: withMessage(reason, err.Error())}
}

// noteRefusal records that the Pod of an attempt could not be deleted.
func (p *planner) noteRefusal() {
	if p.s.Refusal == nil {
		return
	}
	for i := range p.record.Attempts {
		if a := &p.record.Attempts[i]; a.Pod == p.s.Refusal.Pod {
			a.Refusals++
			a.Refused, a.RefusedAt = p.s.Refusal.Message, ptr.To(p.s.now())
		}
	}
}

// refused keeps a Pod whose deletion was refused: each try takes its share of the operator's pace, which others need
// more. The pause doubles with each refusal.
func refused(p *planner, c *Case) string {
	a := p.pending(c)
	if a == nil || a.RefusedAt == nil {
		return ""
	}
	opens := later(a.RefusedAt.Time, doubled(firstPause, a.Refusals, longestPause))
	if !p.s.Now.Before(opens.Time) {
		return ""
	}
	c.OpensIn = opens.Sub(p.s.Now)
	return fmt.Sprintf("its deletion was refused (%s); see which policy or webhook forbids it: "+
		"it is tried again not before %s (refused so far: %d)", a.Refused, clockTime(opens), a.Refusals)
}
