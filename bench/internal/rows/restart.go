// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// sleepingSets are the SidecarSets of rows 9 and 11, which select no Pod.
	sleepingSets = 50_000
	// replicas is how many each program has by default.
	replicas = 2
	// idleFor is how long it is looked at what programs do that have nothing to do, at the scale of the run but for
	// shortestIdle at least.
	idleFor, shortestIdle = time.Minute, 10 * time.Second
	// restedAfter is how long nothing may be written until what a restart calls for is over.
	restedAfter = 5 * time.Second

	restartLine       = "9 restart, until a changed object is reconciled"
	restartWritesLine = "9 changes of unchanged objects"
	idleWritesLine    = "9 then, as row 11: writes with nothing to do"
	idleCPULine       = "9 then, as row 11: CPU of operators and webhooks"
	sleepingLabel     = "bench.windlass.dev/sleeping"
)

// rest has rows 9 and 11, which want the same large and quiet cluster.
func rest() bench.Row {
	limit := func(op string, limit float64) bench.Target {
		return bench.Target{Of: bench.Value, Op: op, Limit: limit}
	}
	return bench.Row{
		ID: "9", What: "restart the operator with 10,000 Pods and 50,000 SidecarSets; do nothing (row 11)",
		Lines: []bench.Line{
			{Name: restartLine, Unit: "s", Better: bench.Lower, FullSize: true, Target: limit("<=", 10)},
			{Name: restartWritesLine, Unit: "writes", Better: bench.Lower, Target: limit("=", 0)},
			{Name: idleWritesLine, Unit: "writes", Better: bench.Lower, Target: limit("=", 0)},
			{Name: idleCPULine, Unit: "% of a core", Better: bench.Lower, FullSize: true, Target: limit("<", 1)},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			crowd := &crowd{}
			run := &bench.Run{Close: func(ctx context.Context) error {
				err := errors.Join(wakeNone(ctx, env), crowd.disperse(ctx, env))
				_, upgrade := env.Release.Upgrade(ctx, env.Values)
				return errors.Join(err, upgrade)
			}}
			err := doOrUndo(ctx, func(ctx context.Context) (err error) {
				if _, err = env.Release.Upgrade(ctx, roomy(env)); err != nil {
					return err
				}
				if crowd, err = gather(ctx, env, env.N(crowdSets), env.N(crowdNodes)); err != nil {
					return err
				}
				return sleep(ctx, env, env.N(sleepingSets))
			}, run.Close)
			if err != nil {
				return nil, err
			}
			run.Ours = func(ctx context.Context, t *bench.Trial) error {
				return errors.Join(restarted(ctx, t), idle(ctx, t))
			}
			return run, nil
		},
	}
}

// doOrUndo undoes what could not be done to its end, also when that is because the context has ended.
func doOrUndo(ctx context.Context, do, undo func(context.Context) error) error {
	err := do(ctx)
	if err != nil {
		err = errors.Join(err, bench.Close(ctx, undo))
	}
	return err
}

// roomy are values with room for 50,000 SidecarSets, where the chart's defaults are for ordinary clusters.
func roomy(env *bench.Env) map[string]any {
	out := maps.Clone(env.Values)
	for program, memory := range map[string]string{bench.Operator: "2Gi", bench.Webhook: "2Gi"} {
		values, _ := out[program].(map[string]any)
		values = maps.Clone(values)
		if values == nil {
			values = map[string]any{}
		}
		values["resources"] = map[string]any{"limits": map[string]any{"memory": memory}}
		out[program] = values
	}
	return out
}

// sleep makes SidecarSets and waits until the operator has seen each of them.
func sleep(ctx context.Context, env *bench.Env, sets int) error {
	err := world.Workers(ctx, plainWorkers, sets, func(ctx context.Context, i int) error {
		return env.World.Plain.Create(ctx, sleeping(i))
	})
	if err != nil {
		return fmt.Errorf("make SidecarSets: %w", err)
	}
	return framework.Until(ctx, timeout, "wait for the status of all SidecarSets", func(ctx context.Context) error {
		list := &v1beta1.SidecarSetList{}
		if err := env.World.Plain.List(ctx, list, client.HasLabels{sleepingLabel}); err != nil {
			return err
		}
		for i := range list.Items {
			if set := &list.Items[i]; set.Status.ObservedGeneration != set.Generation {
				return fmt.Errorf("SidecarSet %s is not looked at yet", set.Name)
			}
		}
		return nil
	})
}

func sleeping(number int) *v1beta1.SidecarSet {
	name := fmt.Sprintf("bench-sleeping-%d", number)
	set := framework.SidecarSet(name, "", name)
	set.Labels = map[string]string{sleepingLabel: "true"}
	return set
}

func wakeNone(ctx context.Context, env *bench.Env) error {
	return framework.DeleteAll(ctx, env.World.Plain, &v1beta1.SidecarSet{}, client.HasLabels{sleepingLabel})
}

// restarted deletes all replicas of the operator, changes a SidecarSet while none runs, and waits for its status. What
// the kubelet needs to start a Pod is part of it.
func restarted(ctx context.Context, t *bench.Trial) error {
	name := sleeping(0).Name
	took, err := t.Measure(ctx, func(ctx context.Context) error {
		if err := deletePods(ctx, t.Env, bench.Operator); err != nil {
			return err
		}
		changed, err := t.Cluster.ChangeSidecarSet(ctx, name, func(set *v1beta1.SidecarSet) {
			set.Spec.UpdateStrategy.Paused = !set.Spec.UpdateStrategy.Paused
		})
		if err != nil {
			return err
		}
		return until(ctx, func(ctx context.Context) (bool, error) {
			set, err := t.Cluster.GetSidecarSet(ctx, name)
			return err == nil && set.Status.ObservedGeneration == changed.Generation, err
		})
	})
	if err != nil {
		return err
	}
	t.Record(restartLine, took.Seconds())
	count, err := settled(ctx, t)
	if err != nil {
		return err
	}
	t.Record(restartWritesLine, count.changes-1) // one is the status of what was changed
	t.Extra("creations after the restart, events among them", count.creations)
	return memories(ctx, t)
}

// startAnew replaces all processes of programs and waits until others are ready.
func startAnew(ctx context.Context, env *bench.Env, programs ...string) error {
	for _, program := range programs {
		if err := deletePods(ctx, env, program); err != nil {
			return err
		}
		if err := ready(ctx, env, program); err != nil {
			return err
		}
	}
	return nil
}

func ready(ctx context.Context, env *bench.Env, program string) error {
	return framework.Until(ctx, timeout, "wait for the "+program, func(ctx context.Context) error {
		_, err := env.Cluster.ReadyReleasePods(ctx, program, replicas)
		return err
	})
}

// deletePods returns when they are gone.
func deletePods(ctx context.Context, env *bench.Env, program string) error {
	pods, err := env.Cluster.ReleasePods(ctx, program)
	if err != nil {
		return err
	}
	for i := range pods {
		if err := env.Cluster.Client.Delete(ctx, &pods[i]); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return until(ctx, func(ctx context.Context) (bool, error) {
		for i := range pods {
			err := env.Cluster.Client.Get(ctx, client.ObjectKeyFromObject(&pods[i]), &metav1.PartialObjectMetadata{TypeMeta: podType})
			if client.IgnoreNotFound(err) != nil || err == nil {
				return false, client.IgnoreNotFound(err)
			}
		}
		return true, nil
	})
}

var podType = metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Pod"}

// until asks every few milliseconds.
func until(ctx context.Context, holds func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		if ok, err := holds(ctx); ok || err != nil {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// requests are what programs have asked of the API server since their processes began.
type requests struct {
	// reads are GETs, watches among them; changes are patches and deletions; creations are those of events, too. Leases
	// are the renewals of Leases: nothing else is ever written with a PUT.
	reads, changes, creations, leases float64
}

func (r requests) writes() float64 { return r.changes + r.creations }

func count(ctx context.Context, env *bench.Env, programs ...string) (out requests, err error) {
	for _, program := range programs {
		pods, err := env.Metrics(ctx, program)
		if err != nil {
			return out, err
		}
		for _, metrics := range pods {
			of := func(method string) float64 {
				return metrics.Sum("rest_client_requests_total", map[string]string{"method": method})
			}
			out.reads += of("GET")
			out.leases += of("PUT")
			out.changes += of("PATCH") + of("DELETE")
			out.creations += of("POST")
		}
	}
	return out, nil
}

// settled counts what the operators have asked for once they write nothing any more.
func settled(ctx context.Context, t *bench.Trial) (requests, error) {
	if err := ready(ctx, t.Env, bench.Operator); err != nil {
		return requests{}, err
	}
	before := requests{creations: -1}
	for {
		now, err := count(ctx, t.Env, bench.Operator)
		if err != nil || now.writes() == before.writes() {
			return now, err
		}
		before = now
		if err := pause(ctx, restedAfter); err != nil {
			return now, err
		}
	}
}

// memories are no figure with a target: those of row 8 are.
func memories(ctx context.Context, t *bench.Trial) error {
	memory, err := greatest(ctx, t.Env, "row9-full")
	t.Extra("operator MiB", memory[operatorMemory])
	t.Extra("webhook MiB", memory[webhookMemory])
	return err
}

// idle looks for a while at programs that have nothing to do.
func idle(ctx context.Context, t *bench.Trial) error {
	var (
		before, after requests
		cpu           float64
		length        = max(shortestIdle, time.Duration(float64(idleFor)*t.Scale))
	)
	_, err := t.Measure(ctx, func(ctx context.Context) (err error) {
		if before, err = count(ctx, t.Env, bench.Operator, bench.Webhook); err != nil {
			return err
		}
		began, err := cpuOf(t.Env)
		if err == nil {
			err = pause(ctx, length)
		}
		if err != nil {
			return err
		}
		ended, err := cpuOf(t.Env)
		if err != nil {
			return err
		}
		cpu = ended - began
		after, err = count(ctx, t.Env, bench.Operator, bench.Webhook)
		return err
	})
	if err != nil {
		return err
	}
	t.Record(idleWritesLine, after.writes()-before.writes())
	t.Record(idleCPULine, cpu/length.Seconds()*100)
	t.Extra("reads a minute", (after.reads-before.reads)/length.Minutes())
	t.Extra("renewals of Leases a minute", (after.leases-before.leases)/length.Minutes())
	return nil
}

func cpuOf(env *bench.Env) (seconds float64, err error) {
	for _, program := range []string{bench.Operator, bench.Webhook} {
		processes, err := env.Processes(program)
		if err != nil {
			return 0, err
		}
		seconds += bench.CPUOf(processes)
	}
	return seconds, nil
}
