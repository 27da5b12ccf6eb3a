// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
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
	// app is the name of what makes the Pods, and their label.
	app = "app"
)

// maker begins to make Pods in a namespace, and returns when it has told somebody to, or has done it itself.
type maker func(ctx context.Context, t *bench.Trial, namespace string, pods int) error

func createAgainstPlain() bench.Row {
	const line, gated = "1 Pods created, until all are ready", "1 the same beside a plain client that opens the gate"
	return createRow(bench.Row{
		ID: "1", What: "create a Parallel StatefulSet", Reference: "a plain client, 50 workers",
		Lines: []bench.Line{
			{Name: line, Unit: "Pods/s", Better: bench.Higher, Target: bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8}},
			{Name: gated, Unit: "Pods/s", Better: bench.Higher},
		},
	}, makePlain, makeGated)
}

func createAgainstApps() bench.Row {
	return createRow(bench.Row{
		ID: "2", What: "create a Parallel StatefulSet", Reference: "apps/v1 StatefulSet, Parallel",
		Lines: []bench.Line{{
			Name: "2 Pods created, until all are ready", Unit: "Pods/s", Better: bench.Higher,
			Target: bench.Target{Of: bench.Ratio, Op: ">", Limit: 1},
		}},
	}, makeApps)
}

// createRow measures ours once, and for each line of the row another way to make the same Pods.
func createRow(row bench.Row, others ...maker) bench.Row {
	row.Prepare = func(context.Context, *bench.Env) (*bench.Run, error) {
		return &bench.Run{
			Ours: func(ctx context.Context, t *bench.Trial) error {
				rate, err := create(ctx, t, t.N(createPods), makeOurs)
				for _, line := range row.Lines {
					t.Record(line.Name, rate)
				}
				return err
			},
			Reference: func(ctx context.Context, t *bench.Trial) error {
				for i, line := range row.Lines {
					rate, err := create(ctx, t, t.N(createPods), others[i])
					if err != nil {
						return err
					}
					t.Record(line.Name, rate)
				}
				return nil
			},
		}, nil
	}
	return row
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
	return createPlain(ctx, t.Env, namespace, pods)
}

func makeGated(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	return createGated(ctx, t.Env, namespace, pods)
}
