// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/e2e/framework"
)

func TestWritesAreCountedByWhatBecameOfThem(t *testing.T) {
	got := countWrites([]framework.PodWrite{
		{Code: 200}, {Code: 201}, {Code: 200, Tried: true}, {Code: 422, Tried: true}, {Code: 409}, {Code: 422}, {Code: 403},
	})
	if diff := cmp.Diff(Writes{Taken: 2, Conflicts: 2, Tried: 2}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
