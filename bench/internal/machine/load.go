// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Self is the name under which the benchmark's own CPU time is counted.
const Self = "bench"

// Sampler looks at the machine and at the processes of one cluster.
type Sampler struct {
	// Proc is where /proc is.
	Proc string
	// Box is the first process of the cluster; 0 when it is not on this machine. Then nobody knows the foreign load.
	Box int
}

// Sample is how the machine was at a moment.
type Sample struct {
	cpu cpuTicks
	// cluster are the processes of the cluster, self is the benchmark.
	cluster map[int]Process
	self    Process
	known   bool
}

// Sample looks.
func (s *Sampler) Sample() (Sample, error) {
	stat, err := os.ReadFile(filepath.Join(s.Proc, "stat"))
	if err != nil {
		return Sample{}, fmt.Errorf("read the machine's CPU time: %w", err)
	}
	all, err := processes(s.Proc)
	if err != nil {
		return Sample{}, err
	}
	sample := Sample{self: all[os.Getpid()], known: s.Box != 0}
	if sample.cpu, err = parseCPU(string(stat)); err != nil {
		return Sample{}, err
	}
	if s.Box == 0 {
		return sample, nil
	}
	sample.cluster = below(all, s.Box)
	if len(sample.cluster) == 0 {
		return Sample{}, fmt.Errorf("the cluster's first process %d is not there: has the cluster ended?", s.Box)
	}
	return sample, nil
}

// ClusterCPU is what all processes of the cluster have used so far, in seconds.
func (s Sample) ClusterCPU() float64 { return total(s.cluster) }

// Processes are those of the cluster that run a program, by its name, sorted by PID.
func (s *Sampler) Processes(name string) ([]Process, error) {
	sample, err := s.Sample()
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, process := range sample.cluster {
		if process.Name == name {
			out = append(out, process)
		}
	}
	slices.SortFunc(out, func(a, b Process) int { return a.PID - b.PID })
	return out, nil
}

// Load is what happened between two samples.
type Load struct {
	// ForeignPercent is the part of the machine, all cores taken together, that neither the cluster nor the benchmark used.
	ForeignPercent float64
	ForeignKnown   bool
	// CPUSeconds by program of the cluster, and of the benchmark itself. What a process used that has ended meanwhile
	// counts with the program that waited for it.
	CPUSeconds map[string]float64
}

// Between compares two samples. /proc tells nothing of a process that is gone, but what it used in all goes to the one that
// waited for it. So that is where what it used in between is counted.
func Between(before, after Sample) Load {
	load := Load{CPUSeconds: map[string]float64{Self: used(before.self, after.self)}, ForeignKnown: before.known && after.known}
	for pid, now := range after.cluster {
		then := before.cluster[pid]
		if then.Start != now.Start {
			then = Process{} // the number was given to another process
		}
		load.CPUSeconds[now.Name] += now.CPU - then.CPU
	}
	for pid, seconds := range ended(before.cluster, after.cluster) {
		load.CPUSeconds[after.cluster[pid].Name] += max(0, seconds)
	}
	if !load.ForeignKnown || after.cpu.total <= before.cpu.total {
		load.ForeignKnown = false
		return load
	}
	busy := float64(after.cpu.busy-before.cpu.busy) / ticksPerSecond
	ours := used(before.self, after.self) + total(after.cluster) - total(before.cluster)
	whole := float64(after.cpu.total-before.cpu.total) / ticksPerSecond
	load.ForeignPercent = max(0, 100*(busy-ours)/whole)
	return load
}

// ended is what processes that are gone used between two samples, by the process that it is counted with: what that one
// was given for its children, less what those of them that are known had used before.
func ended(before, after map[int]Process) map[int]float64 {
	out := map[int]float64{}
	for pid, now := range after {
		if then := before[pid]; then.Start == now.Start {
			now.Reaped -= then.Reaped
		}
		out[pid] = now.Reaped
	}
	for pid, then := range before {
		if now, there := after[pid]; there && now.Start == then.Start {
			continue
		}
		if heir, ok := survivor(before, after, then.Parent); ok {
			out[heir] -= then.CPU + then.Reaped
		}
	}
	// Whoever lost its parent is waited for further above, so what is missing below was given there.
	for pid := range after {
		for at, steps := pid, 0; out[at] < 0 && steps < deepest; steps++ {
			parent := after[at].Parent
			if _, there := after[parent]; !there {
				break
			}
			out[parent] += out[at]
			out[at] = 0
			at = parent
		}
	}
	return out
}

// survivor is the first process that is there still, from one upwards.
func survivor(before, after map[int]Process, from int) (int, bool) {
	for at, steps := from, 0; steps < deepest; steps++ {
		then, known := before[at]
		if !known {
			break
		}
		if now, there := after[at]; there && now.Start == then.Start {
			return at, true
		}
		at = then.Parent
	}
	return 0, false
}

// used is what a process and those of its children that are gone used.
func used(before, after Process) float64 {
	return after.CPU + after.Reaped - before.CPU - before.Reaped
}

// total is the CPU time of processes and of all that ended below them: what a child used goes to its parent when it is
// waited for, so that the sum never falls.
func total(all map[int]Process) float64 {
	var sum float64
	for _, process := range all {
		sum += process.CPU + process.Reaped
	}
	return sum
}
