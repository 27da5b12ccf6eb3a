// SPDX-License-Identifier: Apache-2.0

// Command demo shows on a real cluster what Windlass does: it installs the chart, runs a Deployment on two nodes whose
// Pods get a sidecar, gives the sidecar a new image, and compares the live Pods before and after. It exits with 1 if
// anything is not as it should be. `make demo` brings a cluster up for it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// limit is how long the whole demo may take on a slow machine.
const limit = 10 * time.Minute

// dumpLimit is how long it may take to say what went wrong.
const dumpLimit = 30 * time.Second

func main() {
	options := parse(flag.CommandLine, os.Args[1:])
	if err := run(options); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// parse reads the options from flags. It ends the program if that is what the flag set does.
func parse(flags *flag.FlagSet, args []string) framework.Options {
	var options framework.Options
	options.AddFlags(flags)
	_ = flags.Parse(args) // the command line's flag set exits
	return options
}

func run(options framework.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cluster, err := framework.Connect(options)
	if err != nil {
		return err
	}
	d := &demo{cluster: cluster, say: newNarrator(os.Stdout)}
	if err := d.show(ctx); err != nil {
		explain(cluster)
		return err
	}
	d.lookAround(options.Cluster)
	return nil
}

// explain writes what is in the cluster, for whoever asks why the demo failed. It works also when the demo was
// interrupted.
func explain(cluster *framework.Cluster) {
	ctx, cancel := context.WithTimeout(context.Background(), dumpLimit)
	defer cancel()
	cluster.Dump(ctx, os.Stderr, namespace)
}
