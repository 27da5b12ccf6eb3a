// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissingPackages(t *testing.T) {
	there, absent := func() bool { return true }, func() bool { return false }
	tests := map[string]struct {
		requirements []requirement
		want         string
	}{
		"nothing is missing": {requirements: []requirement{{"gcc", there}}},
		"one sentence names all": {
			requirements: []requirement{{"gcc", absent}, {"nftables", there}, {"pkg-config", absent}},
			want: "Debian packages are missing: gcc pkg-config. Install them with: apt-get update && " +
				"apt-get install -y --no-install-recommends gcc pkg-config",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, missingPackages(test.requirements)); diff != "" {
				t.Errorf("sentence (-want +got):\n%s", diff)
			}
		})
	}
}
