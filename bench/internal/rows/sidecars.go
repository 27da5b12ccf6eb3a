// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/bench/internal/bench"
	"github.com/windlass-operator/windlass/bench/internal/world"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// sidecarPods in sidecarDeployments are what row 5 changes, sidecarPercent of them at a time.
	sidecarPods, sidecarDeployments, sidecarPercent = 5000, 50, 10
	// sidecarProxyPort is where the sidecar is said to serve.
	sidecarProxyPort = 8081
)

func rolloutOfSidecars() bench.Row {
	const (
		rate      = "5 Pods whose sidecar changed, until all are ready"
		status    = "5 status after the last ready Pod"
		writes    = "5 API writes per Pod"
		conflicts = "5 conflicts"
	)
	return bench.Row{
		ID: "5", What: "SidecarSet rollout over 50 Deployments, maxUnavailable 10 %", Reference: "a plain client, 50 workers, as many Pods at a time",
		Lines: []bench.Line{
			{Name: rate, Unit: "Pods/s", Better: bench.Higher, Target: bench.Target{Of: bench.Ratio, Op: ">=", Limit: 0.9}},
			{Name: status, Unit: "s", Better: bench.Lower},
			{Name: writes, Unit: "writes", Better: bench.Lower, Target: bench.Target{Of: bench.Value, Op: "<=", Limit: 1}},
			{Name: conflicts, Unit: "writes", Better: bench.Lower, Target: bench.Target{Of: bench.Value, Op: "=", Limit: 0}},
		},
		Prepare: func(ctx context.Context, env *bench.Env) (*bench.Run, error) {
			ours, err := newSidecars(ctx, env, env.N(sidecarPods), env.N(sidecarDeployments), true)
			if err != nil {
				return nil, err
			}
			plain, err := newSidecars(ctx, env, env.N(sidecarPods), env.N(sidecarDeployments), false)
			if err != nil {
				return nil, errors.Join(err, ours.remove(ctx, env))
			}
			return &bench.Run{
				Ours: func(ctx context.Context, t *bench.Trial) error {
					got, err := ours.rollOut(ctx, t)
					if err != nil {
						return err
					}
					t.Record(rate, got.rate)
					t.Record(status, got.trailed.Seconds())
					t.Record(writes, got.writesPerPod)
					t.Record(conflicts, got.conflicts)
					got.extras(t)
					return nil
				},
				Reference: func(ctx context.Context, t *bench.Trial) error {
					got, err := plain.rollOutPlainly(ctx, t)
					t.Record(rate, got)
					return err
				},
				Close: func(ctx context.Context) error { return errors.Join(ours.remove(ctx, env), plain.remove(ctx, env)) },
			}, nil
		},
	}
}

// sidecars are Pods of Deployments that all run a sidecar: one that a SidecarSet has injected, or one of their own.
type sidecars struct {
	namespace string
	pods      int
	image     string
	// set is that of the SidecarSet; empty without one.
	set string
}

// newSidecars makes so many Pods, in equal Deployments, and waits until all are ready. When it cannot, nothing is left.
func newSidecars(ctx context.Context, env *bench.Env, pods, deployments int, injected bool) (*sidecars, error) {
	namespace, err := env.World.Namespace(ctx, "sidecars")
	if err != nil {
		return nil, err
	}
	each := max(1, pods/deployments)
	s := &sidecars{namespace: namespace, pods: each * deployments, image: world.SidecarImage}
	if injected {
		s.set = namespace
		err = makeSidecarSet(ctx, env, namespace)
	}
	if err == nil {
		err = awaitReady(ctx, env, namespace, s.pods, world.ReadyWith(world.SidecarContainer, s.image), func() error {
			return world.Workers(ctx, plainWorkers, deployments, func(ctx context.Context, i int) error {
				return env.Cluster.Client.Create(ctx, deployment(namespace, fmt.Sprintf("%s-%d", app, i), int32(each), !injected))
			})
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.remove(ctx, env))
	}
	return s, nil
}

// makeSidecarSet makes one for all Pods of a namespace and waits until the webhook injects it.
func makeSidecarSet(ctx context.Context, env *bench.Env, namespace string) error {
	set := framework.SidecarSet(namespace, namespace, app)
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{world.PartOfLabel: world.PartOf}}
	set.Spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromString(fmt.Sprintf("%d%%", sidecarPercent)))
	if err := env.Cluster.Client.Create(ctx, set); err != nil {
		return fmt.Errorf("create SidecarSet %s: %w", namespace, err)
	}
	return framework.Until(ctx, timeout, "inject SidecarSet "+namespace, func(ctx context.Context) error {
		pod := world.Pod(namespace, "probe", app)
		if err := env.Cluster.Client.Create(ctx, pod, client.DryRunAll); err != nil {
			return err
		}
		if !framework.IsInjected(pod, namespace) {
			return errors.New("a new Pod does not get the sidecar")
		}
		return nil
	})
}

func deployment(namespace, name string, replicas int32, withSidecar bool) *appsv1.Deployment {
	template := world.Template(name)
	if withSidecar {
		template.Spec.Containers = append(template.Spec.Containers, framework.Sidecar(world.SidecarContainer, sidecarProxyPort))
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
		},
	}
}

func (s *sidecars) remove(ctx context.Context, env *bench.Env) error {
	if s.set == "" {
		return env.World.Remove(ctx, s.namespace)
	}
	err := env.Cluster.DeleteSidecarSet(context.WithoutCancel(ctx), s.set)
	return errors.Join(err, env.World.Remove(ctx, s.namespace))
}

// rollOut gives the sidecar the other image by the SidecarSet.
func (s *sidecars) rollOut(ctx context.Context, t *bench.Trial) (rollout, error) {
	s.image = other(s.image, world.SidecarImage, world.SidecarImageV2)
	return rollOut(ctx, t, change{
		namespace: s.namespace, pods: s.pods, reached: world.ReadyWith(world.SidecarContainer, s.image),
		begin: func(ctx context.Context) error {
			_, err := t.Cluster.ChangeSidecarSet(ctx, s.set, func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Image = s.image })
			return err
		},
		reported: func(ctx context.Context) error {
			set, err := t.Cluster.GetSidecarSet(ctx, s.set)
			if err != nil {
				return err
			}
			return saysDone(set.Generation, set.Status.ObservedGeneration, set.Status.UpdatedReadyPods, s.pods)
		},
	})
}

// window is how many Pods may be out of service at a time.
type window chan struct{}

// enter waits until there is room for one more.
func (w window) enter(ctx context.Context) error {
	select {
	case w <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave never waits: a Pod that comes back a second time has made room already.
func (w window) leave() {
	select {
	case <-w:
	default:
	}
}

// rollOutPlainly patches all Pods with 50 workers, with no more of them out of service at a time than the SidecarSet
// allows, and returns how many were done in a second.
func (s *sidecars) rollOutPlainly(ctx context.Context, t *bench.Trial) (rate float64, err error) {
	s.image = other(s.image, world.SidecarImage, world.SidecarImageV2)
	pods, err := t.Cluster.Pods(ctx, s.namespace, nil)
	if err != nil {
		return 0, err
	}
	out := make(window, max(1, s.pods*sidecarPercent/100))
	follower, err := t.World.Follow(ctx, s.namespace, s.pods, world.ReadyWith(world.SidecarContainer, s.image), func(*corev1.Pod) { out.leave() })
	if err != nil {
		return 0, err
	}
	defer follower.Stop()
	took, err := t.Measure(ctx, func(ctx context.Context) error {
		err := world.Workers(ctx, plainWorkers, len(pods), func(ctx context.Context, i int) error {
			if err := out.enter(ctx); err != nil {
				return err
			}
			return patchImage(ctx, t.World.Plain, client.ObjectKeyFromObject(&pods[i]), world.SidecarContainer, s.image)
		})
		if err != nil {
			return err
		}
		_, err = follower.Wait(ctx, timeout)
		return err
	})
	if err != nil {
		return 0, err
	}
	return float64(s.pods) / took.Seconds(), nil
}
