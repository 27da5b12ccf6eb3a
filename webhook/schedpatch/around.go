// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

const (
	// readTimeout is how long a write waits at most for what is only warned of.
	readTimeout = 2 * time.Second
	// readsAtOnce is for how many writes it is read at a time; others are answered without.
	readsAtOnce = 2
	// nodesPage is how many nodes are asked for at once, and maxNodes how many are looked at. In a larger cluster only
	// the operator says that none is left.
	nodesPage, maxNodes = 500, 5000
)

// Around is what a SchedPatch meets in the cluster. The zero value: nothing is known.
type Around struct {
	// Template is what the target makes Pods from.
	Template *schedpatch.Template
	// Absent: there is no target. Near are workloads that may be meant by it.
	Absent bool
	Near   []schedpatch.Near
	// Nodes have names and labels alone. They are nil when one of them meets the patch, too.
	Nodes []*corev1.Node
}

// Surroundings read the cluster itself: SchedPatches are written too seldom for a cache. What cannot be read is not
// known, and nothing is refused for it.
type Surroundings struct {
	live   client.Reader
	mapper meta.RESTMapper
	places chan struct{}
}

// NewSurroundings makes one of a client that asks the API server.
func NewSurroundings(live client.Reader, mapper meta.RESTMapper) *Surroundings {
	return &Surroundings{live: live, mapper: mapper, places: make(chan struct{}, readsAtOnce)}
}

// read reads what is around a patch, if there is time for it.
func (s *Surroundings) read(ctx context.Context, patch *schedpatch.Patch) Around {
	if s == nil {
		return Around{}
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return Around{}
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	around := s.target(ctx, patch)
	if patch.NarrowsNodes() {
		around.Nodes = s.nodes(ctx, patch, around.Template)
	}
	return around
}

func (s *Surroundings) target(ctx context.Context, patch *schedpatch.Patch) Around {
	target := patch.Target()
	mapping, err := s.mapper.RESTMapping(target.GroupKind)
	if err != nil {
		return Around{}
	}
	whole := &unstructured.Unstructured{}
	whole.SetGroupVersionKind(mapping.GroupVersionKind)
	err = s.live.Get(ctx, types.NamespacedName{Namespace: patch.Namespace(), Name: target.Name}, whole)
	switch {
	case apierrors.IsNotFound(err):
		return Around{Absent: true, Near: s.near(ctx, patch.Namespace(), target)}
	case err != nil:
		ctrl.LoggerFrom(ctx).V(1).Info("the target of a SchedPatch cannot be read; a warning may be missing",
			"target", target.String(), "reason", err.Error())
		return Around{}
	}
	return Around{Template: schedpatch.TemplateIn(whole.Object)}
}

// near finds workloads of the target's name that are of another kind.
func (s *Surroundings) near(ctx context.Context, namespace string, target schedpatch.Target) []schedpatch.Near {
	var out []schedpatch.Near
	for _, kind := range schedpatch.Lookalikes(target.GroupKind) {
		mapping, err := s.mapper.RESTMapping(kind)
		if err != nil {
			continue
		}
		if version, ok := s.exists(ctx, mapping.GroupVersionKind, types.NamespacedName{Namespace: namespace, Name: target.Name}); ok {
			out = append(out, schedpatch.Near{APIVersion: version, Kind: kind.Kind, Name: target.Name})
		}
	}
	return out
}

func (s *Surroundings) exists(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName) (apiVersion string, ok bool) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(gvk)
	return gvk.GroupVersion().String(), s.live.Get(ctx, key, object) == nil
}

// nodes lists the nodes, or none as soon as one is found for new Pods.
func (s *Surroundings) nodes(ctx context.Context, patch *schedpatch.Patch, template *schedpatch.Template) []*corev1.Node {
	fits := patch.FitsNode(template)
	var out []*corev1.Node
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	for len(out) < maxNodes {
		if err := s.live.List(ctx, list, client.Limit(nodesPage), client.Continue(list.Continue)); err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("the nodes cannot be listed; a warning may be missing", "reason", err.Error())
			return nil
		}
		for i := range list.Items {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: list.Items[i].Name, Labels: list.Items[i].Labels}}
			if fits(node) {
				return nil
			}
			out = append(out, node)
		}
		if list.Continue == "" {
			return out
		}
	}
	return nil
}
