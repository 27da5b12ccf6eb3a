// SPDX-License-Identifier: Apache-2.0

package program

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
)

// memoryVariable is the environment variable with the memory limit of the container in bytes.
const memoryVariable = "MEMORY_LIMIT"

// LimitMemory lets the garbage collector work harder before the container's memory limit is reached: at nine tenths of
// what MEMORY_LIMIT says. GOMEMLIMIT decides where it is set. It returns how many bytes the program may take;
// math.MaxInt64 where nobody says.
func LimitMemory() int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		return debug.SetMemoryLimit(-1)
	}
	container, err := strconv.ParseInt(os.Getenv(memoryVariable), 10, 64)
	if err != nil || container <= 0 {
		return math.MaxInt64
	}
	limit := container / 10 * 9
	debug.SetMemoryLimit(limit)
	return limit
}
