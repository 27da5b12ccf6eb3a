// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseCPU(t *testing.T) {
	got, err := parseCPU("cpu  100 10 50 800 40 5 6 7 3 2\ncpu0 1 2 3\n")
	if err != nil {
		t.Fatal(err)
	}
	// Idle and iowait are not busy; guests are in the first two numbers already; stolen time is.
	if diff := cmp.Diff(cpuTicks{busy: 178, total: 1018}, got, cmp.AllowUnexported(cpuTicks{})); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3", "cpu 1 2 3 4 5 6 7 x"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// statLine is a line of /proc/PID/stat.
func statLine(p Process) string {
	ticks := func(seconds float64) int { return int(seconds * ticksPerSecond) }
	return fmt.Sprintf("%d (%s) S %d 1 1 0 -1 4194560 9 9 9 9 %d 0 %d 0 20 0 8 0 %d 123456 %d 18446744073709551615 1 1",
		p.PID, p.Name, p.Parent, ticks(p.CPU), ticks(p.Reaped), p.Start, p.RSS/int64(os.Getpagesize()))
}

func TestParseProcess(t *testing.T) {
	want := Process{PID: 42, Parent: 7, Name: "a (strange) name", CPU: 1.5, Reaped: 0.25, RSS: int64(3 * os.Getpagesize()), Start: 99}
	got, err := parseProcess(statLine(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("process (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "42 name S 1", "42 (name) S 1 2 3", strings.Replace(statLine(want), "42 ", "x ", 1)} {
		if _, err := parseProcess(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestBelow(t *testing.T) {
	all := map[int]Process{
		1: {PID: 1}, 10: {PID: 10, Parent: 1}, 11: {PID: 11, Parent: 10}, 12: {PID: 12, Parent: 11}, 20: {PID: 20, Parent: 1},
		// A parent that is gone, and two that a race has made each other's parent.
		30: {PID: 30, Parent: 99}, 40: {PID: 40, Parent: 41}, 41: {PID: 41, Parent: 40},
	}
	var got []int
	for pid := range below(all, 10) {
		got = append(got, pid)
	}
	if diff := cmp.Diff([]int{10, 11, 12}, got, cmpopts.SortSlices(func(a, b int) bool { return a < b })); diff != "" {
		t.Errorf("processes below 10 (-want +got):\n%s", diff)
	}
}

// fakeProc writes a directory like /proc.
func fakeProc(t *testing.T, busy, idle int, all ...Process) string {
	t.Helper()
	directory := t.TempDir()
	write := func(name, content string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(directory, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", fmt.Sprintf("cpu %d 0 0 %d 0 0 0 0 0 0\n", busy, idle))
	write("uptime", "1 2\n")
	for _, p := range all {
		write(fmt.Sprintf("%d/stat", p.PID), statLine(p))
	}
	return directory
}

func TestLoad(t *testing.T) {
	self := os.Getpid()
	sample := func(busy, idle int, all ...Process) Sample {
		s, err := (&Sampler{Proc: fakeProc(t, busy, idle, all...), Box: 10}).Sample()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := sample(1000, 1000,
		Process{PID: 10, Parent: 1, Name: "cluster", CPU: 1},
		Process{PID: 11, Parent: 10, Name: "operator", CPU: 5, Start: 1},
		Process{PID: 12, Parent: 10, Name: "runc", CPU: 0.5, Start: 2},
		Process{PID: 13, Parent: 10, Name: "webhook", CPU: 7, Start: 3},
		Process{PID: self, Parent: 1, Name: "bench", CPU: 2})
	// 4 s were busy: 1 s of the operator, 0.5 s of runc to its end, 0.25 s of another program with the number of a webhook
	// that ended after 0.25 s more, and 0.5 s of the benchmark. That leaves 1.5 s of the 8 s that two cores had in 4 s.
	after := sample(1400, 1400,
		Process{PID: 10, Parent: 1, Name: "cluster", CPU: 1, Reaped: 1 + 7.25},
		Process{PID: 11, Parent: 10, Name: "operator", CPU: 6, Start: 1},
		Process{PID: 13, Parent: 10, Name: "pause", CPU: 0.25, Start: 4},
		Process{PID: self, Parent: 1, Name: "bench", CPU: 2.5})
	want := Load{
		ForeignPercent: 100 * 1.5 / 8, ForeignKnown: true,
		CPUSeconds: map[string]float64{"cluster": 0.75, "operator": 1, "pause": 0.25, Self: 0.5},
	}
	if diff := cmp.Diff(want, Between(before, after), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
}

func TestWhatEndedIsCountedWithWhoWaitedForIt(t *testing.T) {
	cluster := func(reaped float64) Process {
		return Process{PID: 10, Parent: 1, Name: "cluster", CPU: 1, Reaped: reaped, Start: 1}
	}
	shell := func(reaped float64) Process {
		return Process{PID: 11, Parent: 10, Name: "shell", CPU: 1, Reaped: reaped, Start: 2}
	}
	child := Process{PID: 12, Parent: 11, Name: "child", CPU: 3, Reaped: 2, Start: 3}
	next := Process{PID: 12, Parent: 11, Name: "next", CPU: 1, Start: 9}
	three := []Process{cluster(5), shell(7), child}
	cases := map[string]struct {
		before, after []Process
		want          map[string]float64
	}{
		"one that was there":         {three, []Process{cluster(5), shell(7 + 6)}, map[string]float64{"cluster": 0, "shell": 1}},
		"one that nobody has seen":   {three[:2], []Process{cluster(5), shell(9)}, map[string]float64{"cluster": 0, "shell": 2}},
		"a parent with its child":    {three, []Process{cluster(5 + 8 + 5 + 4)}, map[string]float64{"cluster": 4}},
		"one that lost its parent":   {three, []Process{cluster(5 + 6), shell(7)}, map[string]float64{"cluster": 1, "shell": 0}},
		"its number was given again": {three, []Process{cluster(5), shell(7 + 6), next}, map[string]float64{"cluster": 0, "shell": 1, "next": 1}},
		"nobody waited for it yet":   {three, three[:2], map[string]float64{"cluster": 0, "shell": 0}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.want[Self] = 0
			byPID := func(all []Process) map[int]Process {
				out := map[int]Process{}
				for _, p := range all {
					out[p.PID] = p
				}
				return out
			}
			got := Between(Sample{cluster: byPID(c.before)}, Sample{cluster: byPID(c.after)}).CPUSeconds
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("CPU seconds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForeignLoadOfAClusterElsewhereIsNotKnown(t *testing.T) {
	sampler := &Sampler{Proc: fakeProc(t, 1, 1, Process{PID: os.Getpid(), Parent: 1, Name: "bench"})}
	sample, err := sampler.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if Between(sample, sample).ForeignKnown {
		t.Error("the foreign load is said to be known")
	}
	sampler.Box = 10
	if _, err := sampler.Sample(); err == nil {
		t.Error("a cluster whose first process is gone was looked at")
	}
}

func TestProcesses(t *testing.T) {
	sampler := &Sampler{Box: 10, Proc: fakeProc(t, 1, 1,
		Process{PID: 10, Parent: 1, Name: "cluster"},
		Process{PID: 12, Parent: 10, Name: "webhook"}, Process{PID: 11, Parent: 10, Name: "webhook"},
		Process{PID: 20, Parent: 1, Name: "webhook"})}
	got, err := sampler.Processes("webhook")
	if err != nil {
		t.Fatal(err)
	}
	want := []Process{{PID: 11, Parent: 10, Name: "webhook"}, {PID: 12, Parent: 10, Name: "webhook"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
}
