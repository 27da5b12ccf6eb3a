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
	"github.com/windlass-operator/windlass/e2e/framework"
)

// podsOfASet is how many Pods each set of a crowd has.
const podsOfASet = 100

// crowd is what the operator is to hold in memory: many Pods of many StatefulSets, which have nothing to do.
type crowd struct {
	namespace string
	nodes     []*corev1.Node
}

// gather makes so many sets, of 100 Pods each, and waits until all Pods are ready and all is written down.
func gather(ctx context.Context, env *bench.Env, sets, nodes int) (c *crowd, err error) {
	c = &crowd{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.disperse(ctx, env))
		}
	}()
	if c.nodes, err = env.World.AddNodes(ctx, nodes); err != nil {
		return c, err
	}
	if c.namespace, err = env.World.Namespace(ctx, "crowd"); err != nil {
		return c, err
	}
	follower, err := env.World.Follow(ctx, c.namespace, sets*podsOfASet, world.Ready, nil)
	if err != nil {
		return c, err
	}
	defer follower.Stop()
	for i := range sets {
		set := ourSet(c.namespace, podsOfASet, v1beta1.InPlaceIfPossiblePodUpdatePolicy)
		name := fmt.Sprintf("%s-%d", app, i)
		set.Name, set.Spec.Selector.MatchLabels[framework.AppLabel], set.Spec.Template.Labels[framework.AppLabel] = name, name, name
		if err := env.Cluster.Client.Create(ctx, set); err != nil {
			return c, err
		}
	}
	if _, err := follower.Wait(ctx, timeout); err != nil {
		return c, err
	}
	return c, framework.Until(ctx, timeout, "wait for the status of all sets", func(ctx context.Context) error {
		list := &v1beta1.StatefulSetList{}
		if err := env.Cluster.Client.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
			return err
		}
		for i := range list.Items {
			if ready := list.Items[i].Status.ReadyReplicas; ready != podsOfASet {
				return fmt.Errorf("StatefulSet %s says that %d Pods are ready", list.Items[i].Name, ready)
			}
		}
		return nil
	})
}

// disperse takes everything away again.
func (c *crowd) disperse(ctx context.Context, env *bench.Env) (err error) {
	if c.namespace != "" {
		err = env.World.Remove(ctx, c.namespace)
	}
	return errors.Join(err, env.World.RemoveNodes(ctx, c.nodes))
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
