// SPDX-License-Identifier: Apache-2.0

// Command neighbours runs a command while the cluster has what the chart can use from others: the
// CustomResourceDefinitions of Prometheus operator and of cert-manager, and somebody who issues certificates as
// cert-manager would.
//
//	neighbours -kubeconfig FILE -- ct install --all
//
// It has to be called in the directory of the module e2e or below, whose go.mod says which cert-manager is meant. Its
// exit status is that of the command, or 125 if it could not run it. The definitions stay in the cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// exitOwn is the exit status for faults of neighbours itself, apart from those of commands.
const exitOwn = 125

func main() {
	// A set of our own: a library declares a flag of the same name in the common one.
	flags := flag.NewFlagSet("neighbours", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig file of the cluster to use (required)")
	_ = flags.Parse(os.Args[1:]) // ExitOnError: it returns no error

	err := run(*kubeconfig, flags.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "neighbours:", err)
	}
	os.Exit(exitStatus(err))
}

// exitStatus is the command's own where it ran and failed, 1 where a signal ended it.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	default:
		return exitOwn
	}
}

func run(kubeconfig string, command []string) error {
	if kubeconfig == "" || len(command) == 0 {
		return errors.New("a kubeconfig and a command are needed: neighbours -kubeconfig FILE -- COMMAND")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The release's namespace is of no interest here, but it must be one.
	cluster, err := framework.Connect(framework.Options{Kubeconfig: kubeconfig, Namespace: metav1.NamespaceDefault})
	if err != nil {
		return err
	}
	if err := installDefinitions(ctx, cluster); err != nil {
		return err
	}
	certManager := cluster.PlayCertManager(ctx)
	if err := runCommand(ctx, command); err != nil {
		return errors.Join(err, certManager.Err())
	}
	return nil
}

// runCommand runs the command to its end. An interrupt is passed on to it and to whatever it has started, and the
// command waited for.
func runCommand(ctx context.Context, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}
