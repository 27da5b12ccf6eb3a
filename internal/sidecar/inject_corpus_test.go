// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
)

// drawn is how many examples of what the properties hold for are kept for others.
const drawn = 60

// TestExamplesOfAnyPodAndAnySets keeps examples of what TestInjectionHoldsForAnyPodAndAnySets draws.
func TestExamplesOfAnyPodAndAnySets(t *testing.T) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID[string])
	for seed := range drawn {
		t.Run(fmt.Sprintf("%03d", seed), func(t *testing.T) {
			example := rapid.Custom(func(draw *rapid.T) corpus.Case {
				var out corpus.Case
				for _, name := range names.Draw(draw, "sets") {
					out.Stored = append(out.Stored, corpus.Manifest(t, v1beta1.GroupVersion.String(), "SidecarSet", drawSet(draw, name).Object))
				}
				pod := drawPod(draw)
				pod.Labels = map[string]string{"app": "web"}
				out.Object = corpus.Manifest(t, "v1", "Pod", pod)
				return out
			}).Example(seed)
			corpus.Keep(t, corpus.Pods, example)
		})
	}
}
