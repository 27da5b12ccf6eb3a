// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Versions choose which version of a SidecarSet a new Pod gets.
type Versions interface {
	// For returns the set as it is to be injected into the Pod. Beside an error it is the version to fall back to; the
	// error becomes a warning.
	For(set *sidecar.Set, pod *corev1.Pod) (*sidecar.Set, error)
}

// Current gives every Pod the current version.
type Current struct{}

var _ Versions = Current{}

// For returns the set itself.
func (Current) For(set *sidecar.Set, _ *corev1.Pod) (*sidecar.Set, error) { return set, nil }

// versions replaces each set by its version for the Pod.
func (h *Handler) versions(ctx context.Context, pod *corev1.Pod, sets []*sidecar.Set) (out []*sidecar.Set, warnings []string) {
	choose := h.Versions
	if choose == nil {
		choose = Current{}
	}
	for _, set := range sets {
		version, err := choose.For(set, pod)
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Pod gets another version than it should", "sidecarSet", set.Name())
			warnings = append(warnings, fmt.Sprintf("SidecarSet %s: %v", set.Name(), err))
		}
		out = append(out, version)
	}
	return out, warnings
}
