// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"time"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
)

// Images is what is known of pulls of images ahead of restarts.
type Images struct {
	pull.Known
	// Default is the policy of sets that say nothing of it; "" is Off.
	Default v1beta1.ImagePreDownloadPolicy
}

// pulling is how nodes pull ahead for a set.
type pulling struct {
	policy v1beta1.ImagePreDownloadPolicy
	pull.Settings
}

// pulling reads the set's fields and annotations. Where it has any of them, each node pulls ahead.
func (s *Snapshot) pulling() pulling {
	policy := s.strategy().PodUpdatePolicy
	settings, asked := pull.SettingsOf(s.Set)
	switch {
	case policy != v1beta1.InPlaceIfPossiblePodUpdatePolicy && policy != v1beta1.InPlaceOnlyPodUpdatePolicy:
		return pulling{v1beta1.ImagePreDownloadOff, settings}
	case asked:
		return pulling{v1beta1.ImagePreDownloadEveryNode, settings}
	}
	return pulling{cmp.Or(s.Images.Default, v1beta1.ImagePreDownloadOff), settings}
}

// timeout is how long one pull may take.
func (p *pulling) timeout() time.Duration { return time.Duration(p.TimeoutSeconds) * time.Second }
