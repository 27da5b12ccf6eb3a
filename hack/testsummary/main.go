// SPDX-License-Identifier: Apache-2.0

// Command testsummary runs the stages of this project's tests, counts what they ran and prints one table over all of
// them.
//
//	testsummary run   -results DIR -stage unit -name root [-stream] -- go test -json ./...
//	testsummary check -results DIR -stage verify -name "helm lint" -- helm lint charts/windlass
//	testsummary note  -results DIR -stage e2e -name cluster -message "the cluster did not come up"
//	testsummary print -results DIR [-stages unit,e2e]
//
// run counts tests, and for a Ginkgo suite its specs, from the events of `go test -json`. check counts one command as
// one test. note records a failure that happened outside of any test. print ends with the line "N passed, N failed, N
// skipped". Each command exits with 0 if nothing failed, 1 if something did and 2 if it was called wrongly.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// errFailed says that a test failed. What failed has been printed already.
var errFailed = errors.New("something failed")

func main() {
	err := dispatch(os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, errFailed):
		os.Exit(exitFailed)
	default:
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(exitUsage)
	}
}

// options are the flags of all commands; each command uses its own part of them.
type options struct {
	results string
	stage   string
	name    string
	message string
	stages  string
	stream  bool
	command []string
}

func dispatch(args []string) error {
	if len(args) == 0 {
		return errors.New("a command is needed: run, check, note or print")
	}
	opts, err := parseOptions(args[0], args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "run":
		return runTests(opts)
	case "check":
		return runCheck(opts)
	case "note":
		return recordFailure(opts)
	case "print":
		return printResults(opts)
	default:
		return fmt.Errorf("unknown command %q; known are run, check, note and print", args[0])
	}
}

func parseOptions(command string, args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("testsummary "+command, flag.ContinueOnError)
	flags.StringVar(&opts.results, "results", "", "directory of the results, made if it is missing (required)")
	flags.StringVar(&opts.stage, "stage", "", "stage the result belongs to: "+strings.Join(stageOrder, ", "))
	flags.StringVar(&opts.name, "name", "", "name of this part of the stage")
	flags.StringVar(&opts.message, "message", "", "note: what failed, for the list of failures")
	flags.StringVar(&opts.stages, "stages", "", "print: stages to print, separated by commas (default: all that ran)")
	flags.BoolVar(&opts.stream, "stream", false, "run: print the tests' own output as it comes, not only that of failures")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.command = flags.Args()
	if opts.results == "" {
		return options{}, errors.New("-results is required")
	}
	return opts, nil
}
