// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// burstPods in burstDeployments all come at once, and then those of fewDeployments.
const burstPods, burstDeployments, fewDeployments = 5000, 100, 20

// The lines of row 13.
const (
	burstCreated  = "13 Pods of the burst, until all are there"
	burstReady    = "13 Pods of the burst, until all are ready"
	burstMissed   = "13 Pods born without their sidecar"
	burstReported = "13 Pods that the SidecarSet's status has too many or too few, in the end"
	fewReady      = "13 1,000 Pods of 20 Deployments, until all are ready"
)

func burst() bench.Row {
	none := bench.Target{Of: bench.Value, Op: "=", Limit: 0}
	return bench.Row{
		ID: "13", What: "5,000 Pods of 100 Deployments at once, each gets a sidecar", Reference: "a namespace that the webhooks leave alone",
		Lines: []bench.Line{
			{Name: burstCreated, Unit: "Pods/s", Better: bench.Higher, Target: bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8}},
			{Name: burstReady, Unit: "Pods/s", Better: bench.Higher},
			{Name: burstMissed, Unit: "Pods", Better: bench.Lower, Target: none},
			{Name: burstReported, Unit: "Pods", Better: bench.Lower, Target: none},
			{Name: fewReady, Unit: "Pods/s", Better: bench.Higher},
		},
		Prepare: func(context.Context, *bench.Env) (*bench.Run, error) {
			side := func(served bool) func(ctx context.Context, t *bench.Trial) error {
				return func(ctx context.Context, t *bench.Trial) error {
					if err := burstOf(ctx, t, t.N(burstDeployments), burstPods/burstDeployments, served, burstCreated, burstReady); err != nil {
						return err
					}
					return burstOf(ctx, t, t.N(fewDeployments), burstPods/burstDeployments, served, "", fewReady)
				}
			}
			return &bench.Run{Ours: side(true), Reference: side(false)}, nil
		},
	}
}

// burstOf creates Deployments in a namespace of their own, and takes them away again. created may be empty.
func burstOf(ctx context.Context, t *bench.Trial, deployments, each int, served bool, created, ready string) (err error) {
	var labels map[string]string
	if !served {
		labels = map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled}
	}
	namespace, err := t.Cluster.NewNamespace(ctx, "bench-burst", labels)
	if err != nil {
		return err
	}
	name, pods := namespace.Name, deployments*each
	defer func() { err = errors.Join(err, t.World.Remove(ctx, name)) }()
	if served {
		defer func() { err = errors.Join(err, t.Cluster.DeleteSidecarSet(context.WithoutCancel(ctx), name)) }()
		if err := makeSidecarSet(ctx, t.Env, name); err != nil {
			return err
		}
	}
	there, err := t.World.Follow(ctx, name, pods, func(*corev1.Pod) bool { return true }, nil)
	if err != nil {
		return err
	}
	defer there.Stop()
	all, err := t.World.Follow(ctx, name, pods, world.Ready, nil)
	if err != nil {
		return err
	}
	defer all.Stop()
	took, err := t.Measure(ctx, func(ctx context.Context) error {
		began := time.Now()
		err := world.Workers(ctx, deployments, deployments, func(ctx context.Context, i int) error {
			return t.World.Plain.Create(ctx, deployment(name, fmt.Sprintf("%s-%d", app, i), int32(each), false))
		})
		if err != nil {
			return err
		}
		at, err := there.Wait(ctx, timeout)
		if err != nil {
			return err
		}
		if created != "" {
			t.Record(created, float64(pods)/at.Sub(began).Seconds())
		}
		_, err = all.Wait(ctx, timeout)
		return err
	})
	if err != nil {
		return err
	}
	t.Record(ready, float64(pods)/took.Seconds())
	if served && created != "" {
		return countInjected(ctx, t, name)
	}
	return nil
}

// reportTimeout is how long a status may take until it has all Pods. What is missing then is recorded.
const reportTimeout = 30 * time.Second

// countInjected counts the Pods that have their sidecar, and holds what the SidecarSet reports against it.
func countInjected(ctx context.Context, t *bench.Trial, set string) error {
	pods, err := t.Cluster.Pods(ctx, set, nil)
	if err != nil {
		return err
	}
	injected := 0
	for i := range pods {
		if framework.IsInjected(&pods[i], set) {
			injected++
		}
	}
	t.Record(burstMissed, float64(len(pods)-injected))
	began := time.Now()
	wrong, err := reportedApart(ctx, injected, func(ctx context.Context) (matched, ready int, err error) {
		found, err := t.Cluster.GetSidecarSet(ctx, set)
		if err != nil {
			return 0, 0, err
		}
		return int(found.Status.MatchedPods), int(found.Status.ReadyPods), nil
	})
	if err != nil {
		return err
	}
	t.Record(burstReported, float64(wrong))
	t.Extra("seconds until the status has all Pods", time.Since(began).Seconds())
	return nil
}

// reportedApart is how many Pods a status has too many or too few when it has all, or when that took too long. It fails
// when nobody could look at it.
func reportedApart(ctx context.Context, injected int, look func(context.Context) (matched, ready int, err error)) (int, error) {
	wrong, seen := 0, false
	err := framework.Until(ctx, reportTimeout, "report all Pods", func(ctx context.Context) error {
		matched, ready, err := look(ctx)
		if err != nil {
			return err
		}
		wrong, seen = max(apart(matched, injected), apart(ready, injected)), true
		if wrong > 0 {
			return fmt.Errorf("%d Pods too many or too few", wrong)
		}
		return nil
	})
	if ctx.Err() != nil || !seen {
		return 0, err
	}
	return wrong, nil
}

func apart(a, b int) int { return max(a-b, b-a) }
