// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// hookTimeout is how long the program behind a hook has for its work where the set does not say.
const hookTimeout = 10 * time.Minute

// GracePeriod is how long a Pod is kept NotReady before a container of it restarts.
func (s *Set) GracePeriod() time.Duration {
	return time.Duration(s.Spec.UpdateStrategy.GracePeriodSeconds) * time.Second
}

// Hook is the one around updates, nil when the set has none.
func (s *Set) Hook() *v1beta1.LifecycleHook {
	if s.Spec.Lifecycle == nil {
		return nil
	}
	return s.Spec.Lifecycle.InPlaceUpdate
}

// HookTimeout is how long the program behind the hook has for its work before an update, and again after it.
func (s *Set) HookTimeout() time.Duration {
	if hook := s.Hook(); hook != nil && hook.TimeoutSeconds != nil {
		return time.Duration(*hook.TimeoutSeconds) * time.Second
	}
	return hookTimeout
}

// Drains reports whether a Pod is to be NotReady before a container of it restarts. It needs the readiness gate
// KruisePodReady for that.
func (s *Set) Drains() bool {
	hook := s.Hook()
	return s.GracePeriod() > 0 || hook != nil && hook.MarkPodNotReady
}
