// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// silenceLimit is how long a run may print nothing before a line says what it is doing.
const silenceLimit = 30 * time.Second

// runTests runs a `go test -json` command, prints its progress and saves what it came to.
func runTests(opts options) error {
	started := time.Now()
	result := Result{Stage: opts.stage, Name: opts.name}
	commandErr := eachLine(opts.command, newProgress(os.Stdout, &result, opts.stream))
	if commandErr != nil && result.Failed == 0 {
		result.Failed = 1
		result.Failures = append(result.Failures, fmt.Sprintf("%s: %v", strings.Join(opts.command, " "), commandErr))
	}
	result.Seconds = time.Since(started).Seconds()
	return finish(result, opts.results)
}

// runCheck runs a command whose exit status is the whole result.
func runCheck(opts options) error {
	started := time.Now()
	result := Result{Stage: opts.stage, Name: opts.name}
	fmt.Printf("== %s\n", opts.name)
	if err := eachLine(opts.command, plainLines{os.Stdout}); err != nil {
		result.Failed = 1
		result.Failures = []string{fmt.Sprintf("%s: %v", opts.name, err)}
		fmt.Printf("-- FAILED: %s\n", opts.name)
	} else {
		result.Passed = 1
	}
	result.Seconds = time.Since(started).Seconds()
	return finish(result, opts.results)
}

func finish(result Result, directory string) error {
	if err := result.save(directory); err != nil {
		return err
	}
	if result.Failed > 0 {
		return errFailed
	}
	return nil
}

// lineSink takes the standard output of a command.
type lineSink interface {
	// line takes one line, without its end.
	line(text string)
	// silence is called when nothing has come for silenceLimit, with the time since the start.
	silence(since time.Duration)
}

// plainLines prints every line as it is.
type plainLines struct{ out io.Writer }

func (p plainLines) line(text string)      { fmt.Fprintln(p.out, text) }
func (p plainLines) silence(time.Duration) {}

// eachLine runs the command and hands over its output line by line; its standard error goes straight through. It
// returns the command's own error. An interrupt is passed on to the command, which then gets to clean up after itself.
func eachLine(command []string, sink lineSink) error {
	if len(command) == 0 {
		return errors.New("a command is needed after --")
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	started, lines := time.Now(), scanLines(output)
	for {
		select {
		case text, open := <-lines:
			if !open {
				return cmd.Wait()
			}
			sink.line(text)
		case received := <-signals:
			// An error means that the command has ended already.
			_ = cmd.Process.Signal(received)
		case <-time.After(silenceLimit):
			sink.silence(time.Since(started))
		}
	}
}

// scanLines sends the lines of the reader, however long, and closes the channel at its end.
func scanLines(reader io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		buffered := bufio.NewReader(reader)
		for {
			text, err := buffered.ReadString('\n')
			if text != "" {
				lines <- strings.TrimSuffix(text, "\n")
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// progress prints what a test run does while it adds its packages up in a result.
type progress struct {
	out    io.Writer
	result *Result
	stream bool
	tally  *tally
}

func newProgress(out io.Writer, result *Result, stream bool) *progress {
	return &progress{out: out, result: result, stream: stream, tally: newTally()}
}

func (p *progress) line(text string) {
	var e event
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Action == "" {
		fmt.Fprintln(p.out, text) // Not an event: the go command itself speaks.
		return
	}
	if e.Action == "build-output" || (p.stream && e.Action == "output") {
		fmt.Fprint(p.out, e.Output)
	}
	if report := p.tally.observe(e); report != nil {
		p.add(report)
	}
}

func (p *progress) silence(since time.Duration) {
	doing := "building"
	if running := p.tally.runningPackages(); len(running) > 0 {
		doing = "running " + strings.Join(running, ", ")
	}
	fmt.Fprintf(p.out, "... %s: %s after %s\n", p.result.Stage, doing, since.Round(time.Second))
}

func (p *progress) add(report *packageReport) {
	p.result.Passed += report.passed
	p.result.Failed += report.failed
	p.result.Skipped += report.skipped
	p.result.Failures = append(p.result.Failures, report.failures...)
	verdict := "ok    "
	if report.failed > 0 {
		verdict = "FAILED"
		if !p.stream {
			fmt.Fprint(p.out, strings.Join(report.failureOutput, ""))
		}
	}
	fmt.Fprintf(p.out, "%s %s: %s in %.1fs\n", verdict, report.pkg,
		countsLine(report.passed, report.failed, report.skipped), report.elapsed.Seconds())
}
