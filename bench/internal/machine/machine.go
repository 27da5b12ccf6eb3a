// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a run was made.
type Machine struct {
	Cores int `json:"cores"`
	// CPU is the name of the processor, MemoryGiB what there is in all.
	CPU       string  `json:"cpu"`
	MemoryGiB float64 `json:"memoryGiB"`
	Kernel    string  `json:"kernel"`
	Go        string  `json:"go"`
}

// Describe looks; what cannot be read stays empty.
func Describe() Machine {
	return Machine{
		Cores: runtime.NumCPU(), Go: runtime.Version(),
		CPU:       valueOf("/proc/cpuinfo", "model name"),
		MemoryGiB: kibibytes(valueOf("/proc/meminfo", "MemTotal")) / (1 << 20),
		Kernel:    first("/proc/sys/kernel/osrelease"),
	}
}

// valueOf is the first value of a key in a file of lines "key : value".
func valueOf(file, key string) string {
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func first(file string) string {
	content, _ := os.ReadFile(file)
	return strings.TrimSpace(string(content))
}

func kibibytes(text string) float64 {
	n, _ := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
	return n
}
