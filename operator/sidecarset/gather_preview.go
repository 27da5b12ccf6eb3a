// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/preview"
)

// Preview says what becomes of each Pod once a set is written as it is in after, its generation and times included.
// before is the set as it is stored, nil for one that is new. Nothing that only the operator's processes know is taken to
// be known.
func Preview(ctx context.Context, from *preview.Source, before, after *v1beta1.SidecarSet) (*preview.Preview, error) {
	g := &gatherer{
		reader: from.Reader, clock: from.Clock, namespace: from.Namespace, canResize: from.CanResize,
		memory: newMemory(), history: newHistory(from.Clock), ledger: ledger.New(), waiters: ledger.NewWaiters(),
		excluded: sets.New(from.Excluded...),
	}
	var err error
	if g.sets, err = setsWith(ctx, from, after); err != nil {
		return nil, err
	}
	g.history.begin()
	moved := before != nil && !sameSelectors(before, after)
	if moved {
		g.history.noteSelector(after.Name)
	}
	s, err := g.around(ctx, after)
	if err != nil {
		return nil, err
	}
	out, err := makePreview(s)
	if err != nil || !moved {
		return out, err
	}
	if earlier, err := g.around(ctx, before); err == nil { // else it had no Pods that it could have changed
		out.Pods = append(out.Pods, released(earlier, s)...)
		out.Sort()
	}
	return out, nil
}

// setsWith indexes all SidecarSets, one of them as it is to be. Those that cannot be used say so in their own status.
func setsWith(ctx context.Context, from *preview.Source, after *v1beta1.SidecarSet) (*sidecar.Index, error) {
	all := &v1beta1.SidecarSetList{}
	if err := from.Reader.List(ctx, all); err != nil {
		return nil, fmt.Errorf("list SidecarSets: %w", err)
	}
	index := sidecar.NewIndex()
	for i := range all.Items {
		if set, err := sidecar.Compile(&all.Items[i]); err == nil && set.Name() != after.Name {
			index.Put(set)
		}
	}
	if set, err := sidecar.Compile(after); err == nil {
		index.Put(set)
	}
	return index, nil
}
