// SPDX-License-Identifier: Apache-2.0

package program

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/internal/testing/measured"
)

func TestMetricsSayWhatProgramServesThem(t *testing.T) {
	ShowBuild("operator")
	want := map[string]float64{`go_version="` + runtime.Version() + `",program="operator",version="dev"`: 1}
	if diff := cmp.Diff(want, measured.Series(t, "windlass_build_info")); diff != "" {
		t.Errorf("build info (-want +got):\n%s", diff)
	}
}
