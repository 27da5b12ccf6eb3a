// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/windlass-operator/windlass/bench/internal/machine"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// The programs of the product, by the names of their binaries and of the chart's components.
const (
	Operator = "operator"
	Webhook  = "webhook"
)

// Env is what rows are measured in: a cluster of its own with the chart installed.
type Env struct {
	// Cluster is reached as its administrator.
	Cluster *framework.Cluster
	// Release is the chart, installed with Values.
	Release *framework.Release
	Values  map[string]any
	// World makes what is measured, and holds the plain client.
	World   *world.World
	Sampler *machine.Sampler
	// Scale is the size of everything: 1 is what the table of targets says.
	Scale float64
	// Profiles is the directory that CPU profiles, and those of the heap where memory is measured, are written to; empty
	// for none.
	Profiles string
	Log      io.Writer
}

// N is a number of the table at the scale of this run, at least 1.
func (e *Env) N(full int) int { return max(1, int(math.Round(float64(full)*e.Scale))) }

const (
	// settleStep is how long the cluster is looked at to see whether it rests, settleTimeout how long that is tried.
	settleStep, settleTimeout = 500 * time.Millisecond, 20 * time.Second
	// restingCores is how much a cluster uses that has nothing to do: the kubelets, the leases, the probes.
	restingCores = 0.3
)

// Settle waits until the cluster has nothing to do any more, as far as its CPU time shows it, for 20 s at most.
func (e *Env) Settle(ctx context.Context) error {
	before, err := e.Sampler.Sample()
	if err != nil {
		return err
	}
	for end := time.Now().Add(settleTimeout); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleStep):
		}
		now, err := e.Sampler.Sample()
		if err != nil {
			return err
		}
		if now.ClusterCPU()-before.ClusterCPU() < restingCores*settleStep.Seconds() {
			return nil
		}
		before = now
	}
	return nil
}

// Processes are the real processes of a program of the release, as /proc of this machine has them. It fails when there
// is none: the cluster may be on another machine.
func (e *Env) Processes(program string) ([]machine.Process, error) {
	found, err := e.Sampler.Processes(program)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no process of %s is to be seen below process %d: is -box-pid the first process of the cluster?", program, e.Sampler.Box)
	}
	return found, err
}
