// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ProcessStart returns when a process started, in clock ticks since boot, and whether it lives. A zombie does not live:
// the init of a container may take seconds to reap one.
func ProcessStart(pid int) (start uint64, alive bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	return parseStat(string(data))
}

// parseStat reads fields 3 (state) and 22 (start time) of /proc/PID/stat. The command name before them may contain
// anything, so counting starts at the last closing parenthesis.
func parseStat(stat string) (start uint64, alive bool) {
	_, rest, ok := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0, false
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil || fields[0] == "Z" || fields[0] == "X" {
		return start, false
	}
	return start, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// BoxAlive says whether the very process that the record names is still there.
func (r Record) BoxAlive() bool {
	if r.BoxPID == 0 {
		return false
	}
	start, alive := ProcessStart(r.BoxPID)
	return alive && start == r.BoxStart
}
