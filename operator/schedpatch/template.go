// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

// templates reads the templates of targets, and remembers the last one of each SchedPatch until the target changes.
type templates struct {
	live client.Reader

	mu    sync.Mutex
	known map[types.NamespacedName]remembered
}

type remembered struct {
	target     types.UID
	generation int64
	template   *sched.Template
}

func newTemplates(live client.Reader) *templates {
	return &templates{live: live, known: map[types.NamespacedName]remembered{}}
}

// of returns the template of a patch's target. In place of one that a target does not have stands one of its Pods; nil
// when it has no Pods either, or is gone meanwhile.
func (t *templates) of(
	ctx context.Context, patch *sched.Patch, target *metav1.PartialObjectMetadata, pods []*corev1.Pod,
) (*sched.Template, error) {
	key := types.NamespacedName{Namespace: patch.Namespace(), Name: patch.Name()}
	t.mu.Lock()
	last, ok := t.known[key]
	t.mu.Unlock()
	if ok && last.target == target.UID && last.generation == target.Generation {
		return last.template, nil
	}
	whole := &unstructured.Unstructured{}
	whole.SetGroupVersionKind(target.GroupVersionKind())
	if err := t.live.Get(ctx, client.ObjectKeyFromObject(target), whole); err != nil {
		return nil, client.IgnoreNotFound(wrapRead(err, target))
	}
	template := sched.TemplateIn(whole.Object)
	if template == nil {
		return t.fromPod(ctx, patch.Name(), pods)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[key] = remembered{target: whole.GetUID(), generation: whole.GetGeneration(), template: template}
	return template, nil
}

// forget drops a SchedPatch that is gone.
func (t *templates) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// fromPod reads a Pod of the target, if there is one: one that does not carry the patch yet, if possible.
func (t *templates) fromPod(ctx context.Context, patch string, pods []*corev1.Pod) (*sched.Template, error) {
	var sample *corev1.Pod
	for _, pod := range pods {
		if _, carries := markOf(pod, patch); sample == nil || !carries {
			sample = pod
		}
	}
	if sample == nil {
		return nil, nil
	}
	whole := &corev1.Pod{}
	if err := t.live.Get(ctx, client.ObjectKeyFromObject(sample), whole); err != nil {
		return nil, client.IgnoreNotFound(fmt.Errorf("read Pod %s/%s: %w", sample.Namespace, sample.Name, err))
	}
	return &sched.Template{Labels: whole.Labels, Spec: sched.SchedulingOf(&whole.Spec), Pod: whole.Name}, nil
}

func wrapRead(err error, object *metav1.PartialObjectMetadata) error {
	return fmt.Errorf("read the Pod template of %s %s/%s: %w", object.Kind, object.Namespace, object.Name, err)
}
