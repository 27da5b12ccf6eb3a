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

// duel is a line of a row, and who makes its Pods on each side.
type duel struct {
	bench.Line
	ours, reference maker
}

func createAgainstPlain() bench.Row {
	target := bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8}
	return createRow(
		bench.Row{ID: "1", What: "create a Parallel StatefulSet", Reference: "a plain client, 50 workers"},
		duel{createLine("1 Pods created, until all are ready", target), makeGatedSet, makePlain},
		duel{createLine("1 the same beside a plain client that opens the gate", target), makeGatedSet, makeGated},
		duel{createLine("1 the same of a set without the gate", target), makeBareSet, makePlain},
	)
}

func createAgainstApps() bench.Row {
	target := bench.Target{Of: bench.Ratio, Op: ">", Limit: 1}
	return createRow(
		bench.Row{ID: "2", What: "create a Parallel StatefulSet", Reference: "apps/v1 StatefulSet, Parallel"},
		duel{createLine("2 Pods created, until all are ready", target), makeGatedSet, makeApps},
		duel{createLine("2 the same of a set without the gate", target), makeBareSet, makeApps},
	)
}

func createLine(name string, target bench.Target) bench.Line {
	return bench.Line{Name: name, Unit: "Pods/s", Better: bench.Higher, Target: target}
}

// createRow measures both sides of every duel anew.
func createRow(row bench.Row, duels ...duel) bench.Row {
	for _, d := range duels {
		row.Lines = append(row.Lines, d.Line)
	}
	row.Prepare = func(context.Context, *bench.Env) (*bench.Run, error) {
		return &bench.Run{
			Ours: func(ctx context.Context, t *bench.Trial) error {
				return createEach(ctx, t, duels, func(d duel) maker { return d.ours })
			},
			Reference: func(ctx context.Context, t *bench.Trial) error {
				return createEach(ctx, t, duels, func(d duel) maker { return d.reference })
			},
		}, nil
	}
	return row
}

func createEach(ctx context.Context, t *bench.Trial, duels []duel, side func(duel) maker) error {
	for _, d := range duels {
		rate, err := create(ctx, t, t.N(createPods), side(d))
		if err != nil {
			return err
		}
		t.Record(d.Name, rate)
	}
	return nil
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

// makeGatedSet has Pods with the readiness gate, since the set may change them in place: two writes for each.
func makeGatedSet(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	return t.Cluster.Client.Create(ctx, ourSet(namespace, pods, v1beta1.InPlaceIfPossiblePodUpdatePolicy))
}

// makeBareSet has Pods without it, as a set has them by default: one write for each.
func makeBareSet(ctx context.Context, t *bench.Trial, namespace string, pods int) error {
	return t.Cluster.Client.Create(ctx, ourSet(namespace, pods, v1beta1.ReCreatePodUpdatePolicy))
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
