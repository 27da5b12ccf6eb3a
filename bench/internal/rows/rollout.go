// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
)

// rolloutPods is how many Pods rows 3 and 4 change.
const rolloutPods = 1000

func rolloutInPlace() bench.Row {
	const (
		rate   = "3 Pods changed in place, until all are ready"
		gated  = "3 the same beside a plain client that keeps the gate"
		bare   = "3 the same of Pods without the gate"
		status = "3 status after the last ready Pod"
	)
	target := bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.75}
	return bench.Row{
		ID: "3", What: "in-place image rollout of a StatefulSet, maxUnavailable 100 %", Reference: "a plain client, 50 workers",
		Lines: []bench.Line{
			{Name: rate, Unit: "Pods/s", Better: bench.Higher, Target: target},
			{Name: gated, Unit: "Pods/s", Better: bench.Higher, Target: target},
			{Name: bare, Unit: "Pods/s", Better: bench.Higher, Target: target},
			{Name: status, Unit: "s", Better: bench.Lower, FullSize: true, Target: bench.Target{Of: bench.Value, Op: "<", Limit: 1}},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			pods := env.N(rolloutPods)
			ours, err := newSet(ctx, env, pods, v1beta1.InPlaceIfPossiblePodUpdatePolicy)
			if err != nil {
				return nil, err
			}
			ungated, err := newUngatedSet(ctx, env, pods)
			if err != nil {
				return nil, errors.Join(err, env.World.Remove(ctx, ours.namespace))
			}
			plain, err := newPlainPods(ctx, env, pods, false)
			if err != nil {
				return nil, errors.Join(err, env.World.Remove(ctx, ours.namespace, ungated.namespace))
			}
			keeping, err := newPlainPods(ctx, env, pods, true)
			if err != nil {
				return nil, errors.Join(err, env.World.Remove(ctx, ours.namespace, ungated.namespace, plain.namespace))
			}
			return &bench.Run{
				Ours: func(ctx context.Context, t *bench.Trial) error {
					got, err := ours.rollOut(ctx, t)
					if err != nil {
						return err
					}
					t.Record(rate, got.rate)
					t.Record(gated, got.rate)
					t.Record(status, got.trailed.Seconds())
					got.extras(t)
					got, err = ungated.rollOut(ctx, t)
					t.Record(bare, got.rate)
					return err
				},
				Reference: func(ctx context.Context, t *bench.Trial) error {
					got, err := plain.rollOut(ctx, t)
					if err != nil {
						return err
					}
					t.Record(rate, got)
					t.Record(bare, got)
					got, err = keeping.rollOut(ctx, t)
					t.Record(gated, got)
					return err
				},
				Close: func(ctx context.Context) error {
					return env.World.Remove(ctx, ours.namespace, ungated.namespace, plain.namespace, keeping.namespace)
				},
			}, nil
		},
	}
}

func writesPerPod() bench.Row {
	const (
		gated  = "4 API writes per Pod, with the readiness gate"
		bare   = "4 API writes per Pod, without it"
		dry    = "4 dry runs per Pod, with the readiness gate"
		events = "4 writes of events per Pod, with the readiness gate"
	)
	return bench.Row{
		ID: "4", What: "API writes of an in-place image rollout", Reference: "",
		Lines: []bench.Line{
			{Name: gated, Unit: "writes", Better: bench.Lower, Target: bench.Target{Of: bench.Value, Op: "<=", Limit: 3}},
			{Name: bare, Unit: "writes", Better: bench.Lower, Target: bench.Target{Of: bench.Value, Op: "<=", Limit: 1}},
			{Name: dry, Unit: "requests", Better: bench.Lower},
			{Name: events, Unit: "writes", Better: bench.Lower},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			pods := env.N(rolloutPods)
			withGate, err := newSet(ctx, env, pods, v1beta1.InPlaceIfPossiblePodUpdatePolicy)
			if err != nil {
				return nil, err
			}
			withoutGate, err := newUngatedSet(ctx, env, pods)
			if err != nil {
				return nil, errors.Join(err, env.World.Remove(ctx, withGate.namespace))
			}
			return &bench.Run{
				Ours: func(ctx context.Context, t *bench.Trial) error {
					first, err := withGate.rollOut(ctx, t)
					if err != nil {
						return err
					}
					second, err := withoutGate.rollOut(ctx, t)
					t.Record(gated, first.writesPerPod)
					t.Record(dry, first.triesPerPod)
					t.Record(events, first.eventsPerPod)
					t.Record(bare, second.writesPerPod)
					return err
				},
				Close: func(ctx context.Context) error {
					return env.World.Remove(ctx, withGate.namespace, withoutGate.namespace)
				},
			}, nil
		},
	}
}

// set is one of our StatefulSets, all of whose Pods are ready.
type set struct {
	key       client.ObjectKey
	namespace string
	pods      int
	image     string
}

// newSet makes it. When it cannot, nothing is left of it.
func newSet(ctx context.Context, env *bench.Env, pods int, policy v1beta1.PodUpdatePolicyType) (*set, error) {
	namespace, err := env.World.Namespace(ctx, "set")
	if err != nil {
		return nil, err
	}
	err = awaitReady(ctx, env, namespace, pods, world.Ready, func() error {
		return env.Cluster.Client.Create(ctx, ourSet(namespace, pods, policy))
	})
	if err != nil {
		return nil, errors.Join(err, env.World.Remove(ctx, namespace))
	}
	return adopt(namespace, pods), nil
}

// adopt is the set of a namespace, as ourSet has made it.
func adopt(namespace string, pods int) *set {
	return &set{key: client.ObjectKey{Namespace: namespace, Name: app}, namespace: namespace, pods: pods, image: world.AppImage}
}

// newUngatedSet makes one whose Pods lack the readiness gate, since they were made before the set was told to change them
// in place.
func newUngatedSet(ctx context.Context, env *bench.Env, pods int) (*set, error) {
	s, err := newSet(ctx, env, pods, v1beta1.ReCreatePodUpdatePolicy)
	if err != nil {
		return nil, err
	}
	_, err = env.Cluster.ChangeStatefulSet(ctx, s.key, func(set *v1beta1.StatefulSet) {
		set.Spec.UpdateStrategy.RollingUpdate.PodUpdatePolicy = v1beta1.InPlaceOnlyPodUpdatePolicy
	})
	if err != nil {
		return nil, errors.Join(err, env.World.Remove(ctx, s.namespace))
	}
	return s, nil
}

// awaitReady does something and waits until so many Pods of the namespace have reached something, without measuring it.
func awaitReady(ctx context.Context, env *bench.Env, namespace string, pods int, reached func(*corev1.Pod) bool, do func() error) error {
	follower, err := env.World.Follow(ctx, namespace, pods, reached, nil)
	if err != nil {
		return err
	}
	defer follower.Stop()
	if err := do(); err != nil {
		return err
	}
	_, err = follower.Wait(ctx, timeout)
	return err
}

// rollout is what became of one.
type rollout struct {
	rate         float64
	trailed      time.Duration
	writesPerPod float64
	triesPerPod  float64
	eventsPerPod float64
	conflicts    float64
}

// extras keeps what is no line of the row.
func (r rollout) extras(t *bench.Trial) {
	t.Extra("writes/Pod", r.writesPerPod)
	t.Extra("dry runs/Pod", r.triesPerPod)
	t.Extra("events/Pod", r.eventsPerPod)
	t.Extra("conflicts", r.conflicts)
}

// rollOut gives all Pods the other image.
func (s *set) rollOut(ctx context.Context, t *bench.Trial) (rollout, error) {
	s.image = other(s.image, world.AppImage, world.AppImageV2)
	return rollOut(ctx, t, change{
		namespace: s.namespace, pods: s.pods, reached: world.ReadyWith(world.AppContainer, s.image),
		begin: func(ctx context.Context) error {
			_, err := t.Cluster.ChangeStatefulSet(ctx, s.key, func(set *v1beta1.StatefulSet) {
				set.Spec.Template.Spec.Containers[0].Image = s.image
			})
			return err
		},
		reported: func(ctx context.Context) error {
			set, err := t.Cluster.GetStatefulSet(ctx, s.key)
			if err != nil {
				return err
			}
			return saysDone(set.Generation, set.Status.ObservedGeneration, set.Status.UpdatedReadyReplicas, s.pods)
		},
	})
}

// saysDone returns nil when a status is of the present generation and has all Pods updated and ready.
func saysDone(generation, observed int64, ready int32, pods int) error {
	if observed != generation || int(ready) != pods {
		return fmt.Errorf("the status is of generation %d, not %d, or has %d of %d Pods updated and ready", observed, generation, ready, pods)
	}
	return nil
}

// change is a rollout of ours to be measured.
type change struct {
	namespace string
	pods      int
	reached   func(*corev1.Pod) bool
	// begin tells the operator to, reported returns nil when the status says that all is done.
	begin, reported func(ctx context.Context) error
}

func rollOut(ctx context.Context, t *bench.Trial, c change) (rollout, error) {
	counter, err := t.Count(ctx)
	if err != nil {
		return rollout{}, err
	}
	follower, err := t.World.Follow(ctx, c.namespace, c.pods, c.reached, nil)
	if err != nil {
		return rollout{}, err
	}
	defer follower.Stop()
	// What looks at the status ends with this function.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var status <-chan report
	took, err := t.Measure(ctx, func(ctx context.Context) error {
		if err := c.begin(ctx); err != nil {
			return err
		}
		last, err := follower.Wait(ctx, timeout)
		if err == nil {
			status = lookForReport(ctx, last, c.reported)
		}
		return err
	})
	if err != nil {
		return rollout{}, err
	}
	out, said := rollout{rate: float64(c.pods) / took.Seconds()}, <-status
	if said.err != nil {
		return rollout{}, said.err
	}
	out.trailed = said.trailed
	writes, events, err := counter.Writes(ctx, c.namespace)
	out.writesPerPod, out.eventsPerPod = float64(writes.Taken)/float64(c.pods), events/float64(c.pods)
	out.triesPerPod, out.conflicts = float64(writes.Tried)/float64(c.pods), float64(writes.Conflicts)
	return out, err
}

// reportStep is how often a status is looked at; the time that it trails by is exact to that.
const reportStep = 20 * time.Millisecond

// report is how long a status took to be right, or why it never was.
type report struct {
	trailed time.Duration
	err     error
}

// lookForReport looks while others go on: Measure still samples the machine and ends a profile once the last Pod is there,
// which is not the status's delay.
func lookForReport(ctx context.Context, since time.Time, reported func(context.Context) error) <-chan report {
	out := make(chan report, 1)
	go func() {
		trailed, err := awaitReport(ctx, since, reported)
		out <- report{trailed, err}
	}()
	return out
}

// awaitReport is how long after a moment the status was right.
func awaitReport(ctx context.Context, since time.Time, reported func(context.Context) error) (time.Duration, error) {
	for {
		err := reported(ctx)
		if err == nil {
			return time.Since(since), nil
		}
		if time.Since(since) > timeout {
			return 0, fmt.Errorf("after %s: %w", timeout, err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(reportStep):
		}
	}
}
