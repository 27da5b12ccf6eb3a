// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// HeldResize is a Pod whose kubelet does not make a resize, and what it says about that, or the API server for it.
type HeldResize struct {
	View   *sidecar.View
	Answer inplace.ResizeAnswer
}

// heldResizes are some of them, by name of their Pods.
type heldResizes []HeldResize

// awaited are those that the rollout waits for: they keep their share of maxUnavailable.
func (h heldResizes) awaited() heldResizes {
	return h.those(func(r HeldResize) bool { return !r.View.ResizeAnswered() })
}

// limited are those that nothing waits for: the Pod keeps the resources that it had until its kubelet, or whoever makes
// it anew, changes that.
func (h heldResizes) limited() heldResizes {
	return h.those(func(r HeldResize) bool { return r.View.ResizeAnswered() })
}

func (h heldResizes) infeasible() heldResizes {
	return h.those(func(r HeldResize) bool { return r.Answer.Infeasible() })
}

func (h heldResizes) deferred() heldResizes {
	return h.those(func(r HeldResize) bool { return r.Answer.Deferred() })
}

func (h heldResizes) those(which func(HeldResize) bool) heldResizes {
	var out heldResizes
	for _, r := range h {
		if which(r) {
			out = append(out, r)
		}
	}
	return out
}
