// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestMemoryIsLimitedBelowTheContainersLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, test := range map[string]struct {
		container, runtime string
		want               int64
		wantSet            int64
	}{
		"nine tenths of it":         {"268435460", "", 241591914, 241591914},
		"nothing where nobody says": {"", "", math.MaxInt64, before},
		"nothing for what is wrong": {"256Mi", "", math.MaxInt64, before},
		"GOMEMLIMIT goes first":     {"268435456", "100MiB", before, before},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			t.Setenv(memoryVariable, test.container)
			t.Setenv("GOMEMLIMIT", test.runtime)
			if got := LimitMemory(); got != test.want {
				t.Errorf("may take %d bytes, want %d", got, test.want)
			}
			if got := debug.SetMemoryLimit(-1); got != test.wantSet {
				t.Errorf("the runtime is limited to %d bytes, want %d", got, test.wantSet)
			}
		})
	}
}
