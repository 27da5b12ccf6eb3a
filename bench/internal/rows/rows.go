// SPDX-License-Identifier: Apache-2.0

// Package rows holds the rows of the table of targets, a file for each of them.
package rows

import (
	"time"

	"github.com/windlass-operator/windlass/bench/internal/bench"
)

// timeout is how long any single thing may take that a row waits for. It is no target.
const timeout = 30 * time.Minute

// All are the rows in the order of the table.
func All() []bench.Row {
	return []bench.Row{
		createAgainstPlain(),
		createAgainstApps(),
		rolloutInPlace(),
		writesPerPod(),
		rolloutOfSidecars(),
		admission(),
		handlerAlone(),
		memory(),
		rest(),
		growth(),
		planOfStatefulSet(),
		planOfSidecarSet(),
		burst(),
	}
}
