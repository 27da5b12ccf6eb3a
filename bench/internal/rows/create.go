// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
)

const (
	// createPods is how many Pods rows 1 and 2 make.
	createPods = 1000
	// plainWorkers is how many requests of the plain client are on their way at a time.
	plainWorkers = 50
	// app is the name of what makes the Pods, and their label.
	app = "app"
)

// maker begins to make Pods in a namespace, and returns when it has told somebody to, or has done it itself.
type maker func(ctx context.Context, t *bench.Trial, namespace string, pods int) error

func createAgainstPlain() bench.Row {
	return createRow("1", "create a Parallel StatefulSet", "a plain client, 50 workers", makePlain, bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8})
}

func createAgainstApps() bench.Row {
	return createRow("2", "create a Parallel StatefulSet", "apps/v1 StatefulSet, Parallel", makeApps, bench.Target{Of: bench.Ratio, Op: ">", Limit: 1})
}

func createRow(id, what, reference string, other maker, target bench.Target) bench.Row {
	line := id + " Pods created, until all are ready"
	return bench.Row{
		ID: id, What: what, Reference: reference,
		Lines: []bench.Line{{Name: line, Unit: "Pods/s", Better: bench.Higher, Target: target}},
		Prepare: func(context.Context, *bench.Env) (*bench.Run, error) {
			side := func(how maker) func(context.Context, *bench.Trial) error {
				return func(ctx context.Context, t *bench.Trial) error {
					rate, err := create(ctx, t, t.N(createPods), how)
					t.Record(line, rate)
					return err
				}
			}
			return &bench.Run{Ours: side(makeOurs), Reference: side(other)}, nil
		},
	}
}

// create makes Pods in a namespace of their own and takes them away again. It returns how many there were in a second,
// from the first request until all were ready.
func create(ctx context.Context, t *bench.Trial, pods int, how maker) (rate float64, err error) {
	namespace, err := t.World.Namespace(ctx, "create")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, t.World.Remove(ctx, namespace)) }()
	took, err := createIn(ctx, t, namespace, pods, how)
	if err != nil {
		return 0, err
	}
	return float64(pods) / took.Seconds(), nil
}

func createIn(ctx context.Context, t *bench.Trial, namespace string, pods int, how maker) (took time.Duration, err error) {
	follower, err := t.World.Follow(ctx, namespace, pods, world.Ready, nil)
	if err != nil {
		return 0, err
	}
	defer follower.Stop()
	return t.Measure(ctx, func(ctx context.Context) error {
		if err := how(ctx, t, namespace, pods); err != nil {
			return err
		}
		_, err := follower.Wait(ctx, timeout)
		return err
	})
}

func makeOurs(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	return t.Cluster.Client.Create(ctx, ourSet(namespace, pods, v1beta1.InPlaceIfPossiblePodUpdatePolicy))
}

// ourSet changes its Pods in place, if the policy says so, all at a time.
func ourSet(namespace string, pods int, policy v1beta1.PodUpdatePolicyType) *v1beta1.StatefulSet {
	template := world.Template(app)
	return &v1beta1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: v1beta1.StatefulSetSpec{
			Replicas: ptr.To(int32(pods)), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
			PodManagementPolicy: appsv1.ParallelPodManagement,
			UpdateStrategy: v1beta1.StatefulSetUpdateStrategy{RollingUpdate: &v1beta1.RollingUpdateStatefulSetStrategy{
				PodUpdatePolicy: policy, MaxUnavailable: ptr.To(intstr.FromString("100%")),
			}},
		},
	}
}

func makeApps(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	template := world.Template(app)
	return t.Cluster.Client.Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(pods)), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
			PodManagementPolicy: appsv1.ParallelPodManagement,
		},
	})
}

func makePlain(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	return world.Workers(ctx, plainWorkers, pods, func(ctx context.Context, i int) error {
		return t.World.Plain.Create(ctx, world.Pod(namespace, fmt.Sprintf("%s-%d", app, i), app))
	})
}
