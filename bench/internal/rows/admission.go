// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// admissionSets is how many SidecarSets there are, and as many SchedPatches. One Pod in admissionEvery gets one of
	// each.
	admissionSets, admissionEvery = 1000, 100
	// steadyPods come steadyRate in a second; saturatedPods as fast as the clients can.
	steadyRate, steadyPods, saturatedPods = 100, 1000, 5000
	// setLabel is what the SidecarSets select Pods by.
	setLabel = "bench.windlass.dev/set"
	// held is a scheduling gate that nobody opens: the Pods are there to be created alone.
	held = "bench.windlass.dev/held"
)

// The lines of row 6. Those of latencies are of the API server's answers.
const (
	steadyMedian   = "6 100 Pods/s, median"
	steadyTail     = "6 100 Pods/s, 99th percentile"
	afterMedian    = "6 100 Pods/s right after saturation, median"
	afterTail      = "6 100 Pods/s right after saturation, 99th percentile"
	saturatedBy50  = "6 saturated by 50 clients"
	saturatedBy200 = "6 saturated by 200 clients"
	admissionMiss  = "6 Pods created without what is for them"
)

func admission() bench.Row {
	added := func(most float64) bench.Target { return bench.Target{Of: bench.Difference, Op: "<=", Limit: most} }
	kept := bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.8}
	return bench.Row{
		ID: "6", What: "Pod creation through the webhooks, 1,000 SidecarSets and SchedPatches, 1 % of the Pods match",
		Reference: "a namespace that the webhooks leave alone",
		Lines: []bench.Line{
			{Name: steadyMedian, Unit: "ms", Better: bench.Lower, FullSize: true, Target: added(2)},
			{Name: steadyTail, Unit: "ms", Better: bench.Lower, FullSize: true, Target: added(10)},
			{Name: saturatedBy50, Unit: "Pods/s", Better: bench.Higher, Target: kept},
			{Name: saturatedBy200, Unit: "Pods/s", Better: bench.Higher, Target: kept},
			{Name: afterMedian, Unit: "ms", Better: bench.Lower, FullSize: true, Target: added(2)},
			{Name: afterTail, Unit: "ms", Better: bench.Lower, FullSize: true, Target: added(10)},
			{Name: admissionMiss, Unit: "Pods", Better: bench.Lower, Target: bench.Target{Of: bench.Value, Op: "=", Limit: 0}},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			ours, err := newAdmitted(ctx, env, true)
			if err != nil {
				return nil, err
			}
			without, err := newAdmitted(ctx, env, false)
			if err != nil {
				return nil, errors.Join(err, ours.remove(ctx, env))
			}
			return &bench.Run{
				Ours:      func(ctx context.Context, t *bench.Trial) error { return ours.measure(ctx, t, without) },
				Reference: func(ctx context.Context, t *bench.Trial) error { return without.measure(ctx, t, nil) },
				Close:     func(ctx context.Context) error { return errors.Join(ours.remove(ctx, env), without.remove(ctx, env)) },
			}, nil
		},
	}
}

// admitted is a namespace that Pods are created in.
type admitted struct {
	namespace string
	sets      int
	// matched and other own the Pods that are patched, and all others.
	matched, other metav1.OwnerReference
	created        atomic.Int64
	missed         atomic.Int64
}

// newAdmitted makes a namespace: with all SidecarSets and SchedPatches, or one that the webhook configurations leave out,
// which is to its Pods as if they were not there.
func newAdmitted(ctx context.Context, env *bench.Env, served bool) (a *admitted, err error) {
	a = &admitted{}
	var labels map[string]string
	if served {
		a.sets = env.N(admissionSets)
	} else {
		labels = map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled}
	}
	namespace, err := env.Cluster.NewNamespace(ctx, "bench-admission", labels)
	if err != nil {
		return nil, err
	}
	a.namespace = namespace.Name
	defer func() {
		if err != nil {
			err = errors.Join(err, a.remove(ctx, env))
		}
	}()
	for name, owner := range map[string]*metav1.OwnerReference{a.name(0): &a.matched, "other": &a.other} {
		object := deployment(a.namespace, name, 0, false)
		if err := env.Cluster.Client.Create(ctx, object); err != nil {
			return a, fmt.Errorf("create an owner of Pods: %w", err)
		}
		*owner = *metav1.NewControllerRef(object, appsv1.SchemeGroupVersion.WithKind("Deployment"))
	}
	err = world.Workers(ctx, plainWorkers, a.sets, func(ctx context.Context, i int) error {
		set := framework.SidecarSet(a.name(i), a.namespace, app)
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{setLabel: a.name(i)}}
		return errors.Join(env.Cluster.Client.Create(ctx, set), env.Cluster.Client.Create(ctx, a.patch(i)))
	})
	if err != nil || !served {
		return a, err
	}
	return a, framework.Until(ctx, timeout, "serve all SidecarSets and SchedPatches", func(ctx context.Context) error {
		pod := a.pod(0)
		if err := env.Cluster.Client.Create(ctx, pod, client.DryRunAll); err != nil {
			return err
		}
		if !a.has(pod) {
			return errors.New("a new Pod does not get what is for it")
		}
		return nil
	})
}

func (a *admitted) name(i int) string { return fmt.Sprintf("%s-%d", a.namespace, i) }

// patch is for the Pods of one Deployment; all but the first are not there.
func (a *admitted) patch(i int) *v1alpha1.SchedPatch {
	return &v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name(i)},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef:   v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: a.name(i)},
			Tolerations: []corev1.Toleration{{Key: "bench.windlass.dev/spot", Operator: corev1.TolerationOpExists}},
		},
	}
}

// pod is one that nobody schedules. The first of every hundred matches.
func (a *admitted) pod(i int) *corev1.Pod {
	pod := world.Pod(a.namespace, fmt.Sprintf("%s-%d", app, i), app)
	pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: held}}
	pod.OwnerReferences = []metav1.OwnerReference{a.other}
	if i%admissionEvery == 0 {
		pod.Labels[setLabel] = a.name(0)
		pod.OwnerReferences[0] = a.matched
	}
	return pod
}

// has reports whether a Pod that matches has both what a SidecarSet and what a SchedPatch is to give it.
func (a *admitted) has(pod *corev1.Pod) bool {
	return framework.IsInjected(pod, a.name(0)) && pod.Annotations[v1beta1.SchedPatchesAnnotation] != ""
}

// create creates the next Pod, and counts those that the webhook has missed, by what the API server answers. It reports
// whether the Pod is one of those that get something.
func (a *admitted) create(ctx context.Context, t *bench.Trial) (matches bool, err error) {
	i := int(a.created.Add(1) - 1)
	pod := a.pod(i)
	if err := t.World.Plain.Create(ctx, pod); err != nil {
		return false, fmt.Errorf("create Pod %s: %w", pod.Name, err)
	}
	matches = a.sets > 0 && i%admissionEvery == 0
	if matches && !a.has(pod) {
		a.missed.Add(1)
	}
	return matches, nil
}

// measure is one trial of the row. Where it is told of the other namespace, it measures the fixed rate too, of both.
func (a *admitted) measure(ctx context.Context, t *bench.Trial, other *admitted) (err error) {
	a.missed.Store(0)
	defer func() { err = errors.Join(err, a.empty(ctx, t)) }()
	if other != nil {
		defer func() { err = errors.Join(err, other.empty(ctx, t)) }()
		_, err = t.Measure(ctx, func(ctx context.Context) error { return steady(ctx, t, a, other, steadyMedian, steadyTail) })
		if err != nil {
			return err
		}
	}
	if _, err = t.Measure(ctx, func(ctx context.Context) error { return a.saturate(ctx, t, 50, saturatedBy50) }); err != nil {
		return err
	}
	// One measurement, since it does not rest between the two.
	_, err = t.Measure(ctx, func(ctx context.Context) error {
		if err := a.saturate(ctx, t, 200, saturatedBy200); err != nil || other == nil {
			return err
		}
		return steady(ctx, t, a, other, afterMedian, afterTail)
	})
	if a.sets > 0 {
		t.Record(admissionMiss, float64(a.missed.Load()))
	}
	return err
}

// steady creates Pods at a fixed rate in both namespaces in turn, whether or not those before are answered. An API server
// on a few cores stands still for some ten milliseconds now and then, which is all that a 99th percentile shows unless
// both sides meet with it.
func steady(ctx context.Context, t *bench.Trial, ours, without *admitted, median, tail string) error {
	sides := []*admitted{ours, without}
	latencies := []*world.Latencies{world.NewLatencies(), world.NewLatencies()}
	matching := world.NewLatencies()
	ticker := time.NewTicker(time.Second / time.Duration(len(sides)*steadyRate))
	defer ticker.Stop()
	var wait sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range len(sides) * t.N(steadyPods) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		wait.Go(func() {
			began := time.Now()
			matches, err := sides[i%len(sides)].create(ctx, t)
			if err != nil {
				failed.Store(&err)
			}
			took := time.Since(began)
			latencies[i%len(sides)].Record(took)
			if matches {
				matching.Record(took)
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	for i, record := range []func(string, float64){t.Record, t.RecordReference} {
		record(median, latencies[i].Milliseconds(50))
		record(tail, latencies[i].Milliseconds(99))
	}
	t.Extra(median+", of the Pods that match", matching.Milliseconds(50))
	return nil
}

// saturate creates Pods by so many clients, each of which waits for its answers alone.
func (a *admitted) saturate(ctx context.Context, t *bench.Trial, clients int, line string) error {
	pods := t.N(saturatedPods)
	began := time.Now()
	err := world.Workers(ctx, clients, pods, func(ctx context.Context, _ int) error {
		_, err := a.create(ctx, t)
		return err
	})
	t.Record(line, float64(pods)/time.Since(began).Seconds())
	return err
}

// empty removes the Pods.
func (a *admitted) empty(ctx context.Context, t *bench.Trial) error {
	ctx = context.WithoutCancel(ctx)
	now := &client.DeleteAllOfOptions{DeleteOptions: client.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}}
	if err := framework.DeleteAll(ctx, t.Cluster.Client, &corev1.Pod{}, client.InNamespace(a.namespace), now); err != nil {
		return fmt.Errorf("remove the Pods of namespace %s: %w", a.namespace, err)
	}
	return nil
}

func (a *admitted) remove(ctx context.Context, env *bench.Env) error {
	err := world.All(context.WithoutCancel(ctx), plainWorkers, a.sets, func(ctx context.Context, i int) error {
		return env.Cluster.DeleteSidecarSet(ctx, a.name(i))
	})
	return errors.Join(err, env.World.Remove(ctx, a.namespace))
}
