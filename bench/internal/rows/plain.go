// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
)

// plainWorkers is how many requests of the plain client are on their way at a time.
const plainWorkers = 50

// gate is the readiness gate that our StatefulSets give their Pods.
const gate = v1beta1.InPlaceUpdateReadyCondition

func createPlain(ctx context.Context, env *bench.Env, namespace string, pods int) error {
	return world.Workers(ctx, plainWorkers, pods, func(ctx context.Context, i int) error {
		return env.World.Plain.Create(ctx, world.Pod(namespace, fmt.Sprintf("%s-%d", app, i), app))
	})
}

// createGated gives each Pod the gate that ours have, and opens it with a second write.
func createGated(ctx context.Context, env *bench.Env, namespace string, pods int) error {
	return world.Workers(ctx, plainWorkers, pods, func(ctx context.Context, i int) error {
		pod := world.Pod(namespace, fmt.Sprintf("%s-%d", app, i), app)
		pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate}}
		if err := env.World.Plain.Create(ctx, pod); err != nil {
			return err
		}
		return patchGate(ctx, env.World.Plain, client.ObjectKeyFromObject(pod), corev1.ConditionTrue)
	})
}

// plainPods are Pods of the plain client.
type plainPods struct {
	namespace string
	names     []string
	image     string
	gated     bool
}

func newPlainPods(ctx context.Context, env *bench.Env, pods int, gated bool) (*plainPods, error) {
	namespace, err := env.World.Namespace(ctx, "plain")
	if err != nil {
		return nil, err
	}
	p := &plainPods{namespace: namespace, image: world.AppImage, gated: gated}
	for i := range pods {
		p.names = append(p.names, fmt.Sprintf("%s-%d", app, i))
	}
	how := createPlain
	if gated {
		how = createGated
	}
	err = awaitReady(ctx, env, namespace, pods, world.Ready, func() error { return how(ctx, env, namespace, pods) })
	if err != nil {
		return nil, errors.Join(err, env.World.Remove(ctx, namespace))
	}
	return p, nil
}

// rollOut patches all Pods, with 50 requests at a time, and returns how many were done in a second, until all were ready.
func (p *plainPods) rollOut(ctx context.Context, t *bench.Trial) (rate float64, err error) {
	p.image = other(p.image, world.AppImage, world.AppImageV2)
	follower, err := t.World.Follow(ctx, p.namespace, len(p.names), world.ReadyWith(world.AppContainer, p.image), nil)
	if err != nil {
		return 0, err
	}
	defer follower.Stop()
	took, err := t.Measure(ctx, func(ctx context.Context) error {
		do := p.patch
		if p.gated {
			do = p.patchBehindGate
		}
		if err := do(ctx, t); err != nil {
			return err
		}
		_, err := follower.Wait(ctx, timeout)
		return err
	})
	if err != nil {
		return 0, err
	}
	return float64(len(p.names)) / took.Seconds(), nil
}

func (p *plainPods) key(i int) client.ObjectKey {
	return client.ObjectKey{Namespace: p.namespace, Name: p.names[i]}
}

// patch takes one write for each Pod.
func (p *plainPods) patch(ctx context.Context, t *bench.Trial) error {
	patches := world.NewLatencies()
	err := world.Workers(ctx, plainWorkers, len(p.names), func(ctx context.Context, i int) error {
		began := time.Now()
		defer func() { patches.Record(time.Since(began)) }()
		return patchImage(ctx, t.World.Plain, p.key(i), world.AppContainer, p.image)
	})
	t.Extra("p50 of a patch in ms", patches.Milliseconds(50))
	t.Extra("p99 of a patch in ms", patches.Milliseconds(99))
	return err
}

// patchBehindGate does what we do: it takes a Pod out of service, changes it and, when its container runs again, puts it
// back, which takes three writes.
func (p *plainPods) patchBehindGate(ctx context.Context, t *bench.Trial) error {
	slots := make(chan struct{}, plainWorkers)
	var (
		opening sync.WaitGroup
		mu      sync.Mutex
		errs    error
	)
	open := func(pod *corev1.Pod) {
		opening.Go(func() {
			slots <- struct{}{}
			err := patchGate(ctx, t.World.Plain, client.ObjectKeyFromObject(pod), corev1.ConditionTrue)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
		})
	}
	runs, err := t.World.Follow(ctx, p.namespace, len(p.names), world.RunsWith(world.AppContainer, p.image), open)
	if err != nil {
		return err
	}
	err = world.Workers(ctx, plainWorkers, len(p.names), func(ctx context.Context, i int) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		if err := patchGate(ctx, t.World.Plain, p.key(i), corev1.ConditionFalse); err != nil {
			return err
		}
		return patchImage(ctx, t.World.Plain, p.key(i), world.AppContainer, p.image)
	})
	if err == nil {
		_, err = runs.Wait(ctx, timeout)
	}
	runs.Stop() // nothing more is opened from here on
	opening.Wait()
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(err, errs)
}

// patchImage changes one container of a Pod with one write.
func patchImage(ctx context.Context, c client.Client, key client.ObjectKey, container, image string) error {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = key.Namespace, key.Name
	patch := fmt.Appendf(nil, `{"spec":{"containers":[{"name":%q,"image":%q}]}}`, container, image)
	return c.Patch(ctx, pod, client.RawPatch(types.StrategicMergePatchType, patch))
}

// patchGate opens or closes the gate of a Pod with one write.
func patchGate(ctx context.Context, c client.Client, key client.ObjectKey, status corev1.ConditionStatus) error {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = key.Namespace, key.Name
	patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":%q,"status":%q,"lastTransitionTime":%q}]}}`,
		gate, status, time.Now().UTC().Format(time.RFC3339))
	return c.Status().Patch(ctx, pod, client.RawPatch(types.StrategicMergePatchType, patch))
}

func other(image, first, second string) string {
	if image == first {
		return second
	}
	return first
}
