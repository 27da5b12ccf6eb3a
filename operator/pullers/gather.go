// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/loop"
)

// Pullers are those for the objects of one kind. Nil know of none and make none.
type Pullers struct {
	kind   string
	reader client.Reader
	live   client.Reader
	writer apply.Writer
	memory *Memory
}

// New makes them. The cluster's cache must find Pods by podcache.PullerIndex. All controllers of a program are to share
// one memory; nil is one of their own.
func New(cluster loop.Cluster, kind string, memory *Memory) *Pullers {
	if memory == nil {
		memory = NewMemory()
	}
	return &Pullers{kind: kind, reader: cluster.Client, live: cluster.Live, writer: cluster.Client, memory: memory}
}

func (p *Pullers) key(owner client.Object) object {
	return object{place{p.kind, client.ObjectKeyFromObject(owner)}, owner.GetUID()}
}

// Known is what is known of the pulls for an object.
func (p *Pullers) Known(ctx context.Context, owner client.Object, now time.Time) (pull.Known, error) {
	known := pull.Known{Now: now}
	if p == nil {
		return known, nil
	}
	own, err := p.list(ctx, string(owner.GetUID()))
	if err != nil {
		return known, err
	}
	if known.Stray, err = p.list(ctx, podcache.StrayPuller); err != nil {
		return known, err
	}
	var strays []*corev1.Pod
	known.Tries, known.Pullers, strays = p.memory.recall(p.key(owner), own, now)
	known.Stray = append(known.Stray, strays...)
	known.InAll = p.memory.inAll()
	return known, nil
}

func (p *Pullers) list(ctx context.Context, owner string) ([]*corev1.Pod, error) {
	list := &corev1.PodList{}
	err := p.reader.List(ctx, list, client.UnsafeDisableDeepCopy, client.MatchingFields{podcache.PullerIndex: owner})
	if err != nil {
		return nil, fmt.Errorf("list the Pods that pull images: %w", err)
	}
	out := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, nil
}
