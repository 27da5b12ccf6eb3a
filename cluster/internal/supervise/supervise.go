// SPDX-License-Identifier: Apache-2.0

// Package supervise runs programs as the first process of a PID namespace must: it starts them, reaps every child
// (orphans that were handed over included), restarts what ought to run, and remembers what happened.
package supervise

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// settled is how long a program must have run for its backoff to start over.
	settled = 30 * time.Second
)

// Program is something to run.
type Program struct {
	// Name is unique within the supervisor.
	Name string
	// Path and Args (without the program's own name) of the executable; Arg0 is what it sees as its name, by default
	// Path.
	Path string
	Arg0 string
	Args []string
	Env  []string
	// Log is the file to which output and errors are appended.
	Log string
	// Attributes such as namespaces; nil for none.
	Attributes *syscall.SysProcAttr
	// Started is called with the PID after every start, before the next child is reaped; nil for nothing.
	Started func(pid int)
}

// Status is what is known about a program.
type Status struct {
	Name     string    `json:"name"`
	Running  bool      `json:"running"`
	Stopped  bool      `json:"stopped,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	LastExit string    `json:"lastExit,omitempty"`
}

type entry struct {
	program Program
	status  Status
	backoff time.Duration
	timer   *time.Timer
}

// Supervisor must be the only one in its process that waits for children: it reaps them all.
type Supervisor struct {
	mu       sync.Mutex
	entries  map[string]*entry
	onChange func([]Status)
}

// New makes a supervisor. onChange is called with a sorted copy of all statuses after every change, one call at a time.
func New(onChange func([]Status)) *Supervisor {
	return &Supervisor{entries: map[string]*entry{}, onChange: onChange}
}

// Start runs a program and keeps it running until Stop. Starting a program that runs or is about to be restarted does
// nothing.
func (s *Supervisor) Start(p Program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[p.Name]
	if e == nil {
		e = &entry{status: Status{Name: p.Name}, backoff: firstBackoff}
		s.entries[p.Name] = e
	}
	if !e.status.Stopped && (e.status.Running || e.timer != nil) {
		return
	}
	e.program, e.status.Stopped = p, false
	if !e.status.Running { // otherwise it was stopped a moment ago, and its end starts it again
		s.spawn(e)
	}
	s.changed()
}

// Stop kills a program for good. It returns before the program is gone.
func (s *Supervisor) Stop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	if e == nil || e.status.Stopped {
		return
	}
	e.status.Stopped = true
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if e.status.Running {
		_ = syscall.Kill(e.status.PID, syscall.SIGKILL)
	}
	s.changed()
}

// Running says whether a program runs at this moment.
func (s *Supervisor) Running(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	return e != nil && e.status.Running
}

// Reap collects ended children for as long as the process lives.
func (s *Supervisor) Reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // no child at the moment
			time.Sleep(50 * time.Millisecond)
		default:
			s.ended(pid, status)
		}
	}
}

// spawn starts the program. The lock is held, so the reaper cannot look for the PID before it is known.
func (s *Supervisor) spawn(e *entry) {
	pid, err := forkExec(e.program)
	e.status.Since = time.Now()
	if err != nil {
		e.status.LastExit = err.Error()
		s.retryLater(e)
		return
	}
	e.status.Running, e.status.PID = true, pid
	if e.program.Started != nil {
		e.program.Started(pid)
	}
}

func forkExec(p Program) (int, error) {
	log, err := os.OpenFile(p.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	arg0 := p.Arg0
	if arg0 == "" {
		arg0 = p.Path
	}
	pid, err := syscall.ForkExec(p.Path, append([]string{arg0}, p.Args...), &syscall.ProcAttr{
		Dir: "/", Env: p.Env, Sys: p.Attributes, Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", p.Path, err)
	}
	return pid, nil
}

// ended records a child's end and starts it again later unless it was stopped. Unknown children are orphans.
func (s *Supervisor) ended(pid int, status syscall.WaitStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if !e.status.Running || e.status.PID != pid {
			continue
		}
		if time.Since(e.status.Since) > settled {
			e.backoff = firstBackoff
		}
		e.status.Running, e.status.PID, e.status.LastExit = false, 0, describe(status)
		e.status.Since = time.Now()
		if !e.status.Stopped {
			s.retryLater(e)
		}
		s.changed()
	}
}

func (s *Supervisor) retryLater(e *entry) {
	e.timer = time.AfterFunc(e.backoff, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		e.timer = nil
		if e.status.Stopped || e.status.Running {
			return
		}
		e.status.Restarts++
		s.spawn(e)
		s.changed()
	})
	e.backoff = min(2*e.backoff, maxBackoff)
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("ended by signal %d", status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}

// changed tells the observer. The lock is held.
func (s *Supervisor) changed() {
	if s.onChange == nil {
		return
	}
	statuses := make([]Status, 0, len(s.entries))
	for _, e := range s.entries {
		statuses = append(statuses, e.status)
	}
	slices.SortFunc(statuses, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	s.onChange(statuses)
}
