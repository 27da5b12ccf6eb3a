// SPDX-License-Identifier: Apache-2.0

// Command bench measures Windlass beside a reference on a cluster of its own and prints one table. `make bench` brings
// that cluster up; docs/performance.md tells what the table says.
//
//	bench [flags]                       measure
//	bench show FILE                     print the table of a JSON file again
//	bench compare BEFORE AFTER          print two JSON files side by side
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/machine"
	"github.com/windlass-operator/windlass/bench/internal/report"
	"github.com/windlass-operator/windlass/bench/internal/rows"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

func main() {
	log.SetLogger(klog.Background())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "show":
		result, err := report.Read(args[1])
		if err != nil {
			return err
		}
		report.Table(os.Stdout, result)
		return nil
	case len(args) == 3 && args[0] == "compare":
		before, err := report.Read(args[1])
		if err != nil {
			return err
		}
		after, err := report.Read(args[2])
		if err != nil {
			return err
		}
		report.Compare(os.Stdout, before, after)
		return nil
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return measure(ctx, o)
}

type options struct {
	cluster  framework.Options
	rows     []bench.Row
	rounds   int
	scale    float64
	nodes    int
	box      int
	json     string
	profiles string
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o.cluster.AddFlags(flags)
	list := flags.String("rows", "", "rows to measure, by number: 1,3 (default: all)")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each row is measured")
	flags.Float64Var(&o.scale, "scale", 1, "size of everything; 1 is what the targets speak of")
	flags.IntVar(&o.nodes, "nodes", 20, "simulated nodes, each with room for 1,000 Pods")
	flags.IntVar(&o.box, "box-pid", 0, "first process of the cluster, if it is on this machine: for CPU time, memory and foreign load")
	flags.StringVar(&o.json, "json", "", "file to write the results to")
	flags.StringVar(&o.profiles, "profiles", "", "directory to write CPU profiles of the programs to")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q; see bench -h", flags.Args())
	}
	if o.rounds < 1 || o.scale <= 0 || o.nodes < 1 {
		return o, errors.New("-rounds and -nodes must be 1 or more, -scale greater than 0")
	}
	o.rows, err = bench.Choose(rows.All(), *list)
	return o, err
}

// podsPerNode is the room of a simulated node.
const podsPerNode = 1000

func measure(ctx context.Context, o options) (err error) {
	env, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.World.Close(ctx)) }()
	if err := env.World.EnsureNodes(ctx, o.nodes, podsPerNode); err != nil {
		return err
	}
	if err := install(ctx, env); err != nil {
		return err
	}
	version, err := env.Cluster.Clientset.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask for the API server's version: %w", err)
	}
	result := &bench.Result{
		Began: time.Now(), Machine: machine.Describe(), Commit: commit(), Kubernetes: version.GitVersion,
		Scale: o.scale, Rounds: o.rounds, Values: env.Values,
	}
	runner := bench.Runner{Env: env, Rounds: o.rounds, Log: os.Stderr}
	failed := 0
	for _, row := range o.rows {
		if ctx.Err() != nil {
			break
		}
		result.Rows = append(result.Rows, runner.Row(ctx, row))
		if result.Rows[len(result.Rows)-1].Error != "" {
			failed++
		}
		if o.json != "" { // after each row, so that an interrupt loses none
			if err := report.Write(o.json, result); err != nil {
				return err
			}
		}
	}
	report.Table(os.Stdout, result)
	if failed > 0 {
		return fmt.Errorf("%d of %d rows could not be measured", failed, len(o.rows))
	}
	return ctx.Err()
}

// values are the chart's values of every run. The plain client pulls no image ahead of a restart, so neither do we. The
// profiles are for Trial.Measure, and for collecting garbage before memory is read.
func values() map[string]any {
	return map[string]any{
		"profiles":     map[string]any{"enabled": true},
		bench.Operator: map[string]any{"imagePreDownload": "Off"},
	}
}

func connect(ctx context.Context, o options) (*bench.Env, error) {
	cluster, err := framework.Connect(o.cluster)
	if err != nil {
		return nil, err
	}
	env := &bench.Env{
		Cluster: cluster, Values: values(), Sampler: &machine.Sampler{Proc: "/proc", Box: o.box},
		Scale: o.scale, Profiles: o.profiles, Log: os.Stderr,
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, fmt.Errorf("make the directory of profiles: %w", err)
		}
	}
	if env.Release, err = cluster.Release(); err != nil {
		return nil, err
	}
	if err := cluster.CheckImages(ctx, cluster.Image(env.Release)); err != nil {
		return nil, err
	}
	env.World, err = world.New(ctx, cluster)
	return env, err
}

// install installs the chart, or gives the one that is there the values of this run.
func install(ctx context.Context, env *bench.Env) error {
	installed, err := env.Release.Installed()
	if err != nil {
		return err
	}
	do := env.Release.Install
	if installed {
		do = env.Release.Upgrade
	}
	took, err := do(ctx, env.Values)
	fmt.Fprintf(env.Log, "installed the chart in %.0f s\n", took.Seconds())
	return err
}

// commit is that of the checkout around the working directory; "unknown" outside of one.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
