// SPDX-License-Identifier: Apache-2.0

// Package machine reads from /proc what the machine and the processes of a cluster do: the host sees those of the
// cluster's box, although they live in namespaces of their own.
package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, which is 100 on all platforms that Go runs on.
const ticksPerSecond = 100

// Process is one process, as /proc has it.
type Process struct {
	PID, Parent int
	// Name is that of the program, without its directory.
	Name string
	// CPU is what it has used, in seconds, Reaped what those of its children that are gone have.
	CPU, Reaped float64
	// RSS is its resident memory in bytes.
	RSS int64
	// Start is when it began, in clock ticks since boot: it tells it from a later one of the same PID.
	Start int64
}

// cpuTicks are the machine's, since boot.
type cpuTicks struct {
	busy, total uint64
}

// parseCPU reads the first line of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice. The last
// two are in the first two already. Time that was stolen is busy: somebody else had the machine.
func parseCPU(stat string) (cpuTicks, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return cpuTicks{}, fmt.Errorf("read /proc/stat: the first line is %q", line)
	}
	var ticks cpuTicks
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return cpuTicks{}, fmt.Errorf("read /proc/stat: %w", err)
		}
		ticks.total += n
		if i != 3 && i != 4 {
			ticks.busy += n
		}
	}
	return ticks, nil
}

// parseProcess reads /proc/PID/stat. The command in it may contain anything, so counting starts at the last parenthesis.
func parseProcess(stat string) (Process, error) {
	first, last := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if first < 0 || last < first {
		return Process{}, fmt.Errorf("read a process: %q", stat)
	}
	fields := strings.Fields(stat[last+1:])
	if len(fields) < 22 {
		return Process{}, fmt.Errorf("read a process: %q", stat)
	}
	var numbers [8]int64
	for i, text := range []string{
		strings.TrimSpace(stat[:first]), fields[1], fields[11], fields[12], fields[13], fields[14], fields[21], fields[19],
	} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Process{}, fmt.Errorf("read a process: %w", err)
		}
		numbers[i] = n
	}
	return Process{
		PID: int(numbers[0]), Parent: int(numbers[1]), Name: stat[first+1 : last],
		CPU:    float64(numbers[2]+numbers[3]) / ticksPerSecond,
		Reaped: float64(numbers[4]+numbers[5]) / ticksPerSecond,
		RSS:    numbers[6] * int64(os.Getpagesize()),
		Start:  numbers[7],
	}, nil
}

// processes reads all that there are. One that ends meanwhile is left out.
func processes(proc string) (map[int]Process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("read the processes: %w", err)
	}
	out := map[int]Process{}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(proc, entry.Name(), "stat"))
		if err != nil {
			continue
		}
		process, err := parseProcess(string(stat))
		if err != nil {
			return nil, err
		}
		if name := programOf(filepath.Join(proc, entry.Name(), "cmdline")); name != "" {
			process.Name = name
		}
		out[process.PID] = process
	}
	if len(out) == 0 {
		return nil, errors.New("read the processes: there are none in " + proc)
	}
	return out, nil
}

// programOf is the name of the program of a command line; "" for a process that has none, or is gone. The command in
// stat is cut off after 15 characters.
func programOf(file string) string {
	line, err := os.ReadFile(file)
	if err != nil || len(line) == 0 {
		return ""
	}
	first, _, _ := bytes.Cut(line, []byte{0})
	return filepath.Base(string(first))
}

// deepest is how far processes are followed upwards. A race could have made two each other's parent.
const deepest = 64

// below are the processes that descend from one, and itself.
func below(all map[int]Process, root int) map[int]Process {
	out := map[int]Process{}
	for pid, process := range all {
		for at, steps := pid, 0; at != 0 && steps < deepest; steps++ {
			if at == root {
				out[pid] = process
				break
			}
			at = all[at].Parent
		}
	}
	return out
}
