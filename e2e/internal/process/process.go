// SPDX-License-Identifier: Apache-2.0

// Package process runs programs beside a test: it waits until each is healthy, keeps what it says in a file, and ends
// it. A program never outlives the test process, however that ends.
package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a program gets to end after SIGTERM before it is killed.
	stopTimeout = 2 * time.Minute
	// healthInterval is how often a program is asked whether it is healthy.
	healthInterval = 100 * time.Millisecond
	// healthTimeout is how long its answer may take. Then it is asked again.
	healthTimeout = 10 * time.Second
)

// Command says how to run a program.
type Command struct {
	// Name is what messages call the program, and how its files are named. It must be unique in the directory.
	Name string
	// Path is the program's file, Args are its arguments without its name.
	Path string
	Args []string
	// Env are variables, NAME=VALUE. Of the environment of the test a program gets PATH alone, unless it is set here.
	// HOME and TMPDIR are directories of its own, the working directory too.
	Env []string
	// Directory is where the program's files and its log go. It must exist.
	Directory string
	// HealthURL is asked until it answers 200. Empty: the program counts as healthy once it runs.
	HealthURL string
}

// Process is a program that runs, or has run.
type Process struct {
	command Command
	cmd     *exec.Cmd
	// ended is closed when the program has ended; err may be read then.
	ended chan struct{}
	err   error
}

// Start runs a program and returns when it is healthy. If it ends before, or the context does, it is stopped and the
// error holds the end of its log.
func Start(ctx context.Context, command Command) (*Process, error) {
	p := &Process{command: command, ended: make(chan struct{})}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Name, err)
	}
	if err := p.awaitHealth(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w; its log ends with:\n%s", command.Name, err, p.LogTail(40)), p.Stop())
	}
	return p, nil
}

func (p *Process) start() error {
	work := filepath.Join(p.command.Directory, p.command.Name)
	temporary := filepath.Join(work, "tmp")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	log, err := os.Create(p.logPath())
	if err != nil {
		return err
	}
	p.cmd = exec.Command(p.command.Path, p.command.Args...)
	p.cmd.Dir = work
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "TMPDIR=" + temporary}, p.command.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A group of its own: an interrupt from the terminal reaches the test alone, which then ends the program in its own
	// time.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go p.run(started, log)
	return <-started
}

// run starts the program and waits for its end. Linux sends the death signal when the thread ends that started the
// program, so this thread must be nobody else's until then.
func (p *Process) run(started chan<- error, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	defer log.Close()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

func (p *Process) awaitHealth(ctx context.Context) error {
	if p.command.HealthURL == "" {
		return nil
	}
	last := errors.New("not asked yet")
	for {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended at once: %w", p.exit())
		case <-ctx.Done():
			return fmt.Errorf("it did not become healthy in time: %w", last)
		case <-time.After(healthInterval):
		}
		err := healthy(ctx, p.command.HealthURL)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil { // an answer says more than that the time was over
			last = err
		}
	}
}

func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// Name is what messages call the program.
func (p *Process) Name() string { return p.command.Name }

// Check fails if the program has ended although nobody stopped it.
func (p *Process) Check() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %w; its log ends with:\n%s", p.command.Name, p.exit(), p.LogTail(40))
	default:
		return nil
	}
}

// exit is how the program ended. It must have.
func (p *Process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// Stop ends the program, first with a request, then by force, and waits for its end. It may be called more than once. A
// program that had to be killed is an error.
func (p *Process) Stop() error {
	if p.signal(syscall.SIGTERM) {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
	return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.command.Name, stopTimeout)
}

// signal reports whether the program has ended already.
func (p *Process) signal(signal os.Signal) bool {
	return errors.Is(p.cmd.Process.Signal(signal), os.ErrProcessDone)
}
