// SPDX-License-Identifier: Apache-2.0

// Package probe reports whether an installation works: what `helm test` runs, what a person may run in a Pod of the
// operator, and part of what kubectl windlass check looks at. It changes nothing.
package probe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/program"
)

const (
	// interval is how long after a failure a check is tried again.
	interval = time.Second
	// patience is how long one try waits for the API server.
	patience = 10 * time.Second
)

// ErrNotWorking says that at least one check failed; the output names them.
var ErrNotWorking = errors.New("the installation does not work: see the lines that begin with FAILED")

// Check is one question about the installation.
type Check struct {
	// Name says what is looked at.
	Name string
	// Needs are the rights that whoever asks must have.
	Needs []authorizationv1.ResourceAttributes
	// Run returns what it found, or what is wrong and what to do about it.
	Run func(ctx context.Context) (finding string, err error)
}

// Run parses the arguments after "probe", runs all checks and writes a line for each. It returns ErrNotWorking when one
// still fails at the end of --timeout: what was installed a moment ago may need one.
func Run(ctx context.Context, arguments []string, out io.Writer) error {
	ctrl.SetLogger(logr.Discard())
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	deployments := flags.String("deployments", "windlass-operator,windlass-webhook", "Comma-separated Deployments of "+
		"the installation, in the Pod's own namespace.")
	mutating := flags.String("mutating-webhook-configuration", "windlass", "MutatingWebhookConfiguration of the installation.")
	validating := flags.String("validating-webhook-configuration", "windlass", "ValidatingWebhookConfiguration of the installation.")
	timeout := flags.Duration("timeout", time.Minute, "How long a check that fails is tried again.")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	namespace, err := program.Namespace()
	if err != nil {
		return err
	}
	prober, err := connect(namespace)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	return report(ctx, prober.Checks(strings.Split(*deployments, ","), *mutating, *validating), interval, out)
}

// connect sets a prober up that hears the API server's warnings.
func connect(namespace string) (*Prober, error) {
	config, err := (&program.Options{}).RestConfig("windlass-probe")
	if err != nil {
		return nil, err
	}
	heard := &Warnings{}
	config.WarningHandlerWithContext = heard
	scheme := program.Scheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return &Prober{Client: c, Namespace: namespace, Warnings: heard}, nil
}

// report runs the checks one after the other, each until it succeeds or the context ends, and writes what came of it.
func report(ctx context.Context, checks []Check, interval time.Duration, out io.Writer) error {
	failed := false
	for _, c := range checks {
		finding, err := retry(ctx, c, interval)
		if err != nil {
			failed = true
			fmt.Fprintf(out, "FAILED  %s: %v\n", c.Name, err)
			continue
		}
		fmt.Fprintf(out, "ok      %s: %s\n", c.Name, finding)
	}
	if failed {
		return ErrNotWorking
	}
	fmt.Fprintln(out, "Windlass works.")
	return nil
}

// retry returns the error of the last try that was not cut short. Every check is tried once, also when no time is left.
func retry(ctx context.Context, c Check, interval time.Duration) (string, error) {
	finding, last := try(context.WithoutCancel(ctx), c)
	if last == nil {
		return finding, nil
	}
	err := wait.PollUntilContextCancel(ctx, interval, false, func(ctx context.Context) (bool, error) {
		found, err := try(ctx, c)
		if err != nil && ctx.Err() == nil {
			last = err
		}
		finding = found
		return err == nil, nil
	})
	if err != nil {
		return "", last
	}
	return finding, nil
}

func try(ctx context.Context, c Check) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Run(ctx)
}
