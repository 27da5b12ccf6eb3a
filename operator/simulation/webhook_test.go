// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	patches "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/webhook/pod"
)

// webhook admits Pods with what it knows, which may be old. Where injection is enforced it learns everything first.
type webhook struct {
	s                 *simulation
	sets              *sidecar.Index
	patches           *patches.Index
	handler, enforced *pod.Handler
	pending           []world.Event
	// down tells that no replica answers.
	down bool
}

var (
	_ pod.Fresh         = &webhook{}
	_ pod.Owners        = &webhook{}
	_ remediation.Asker = &webhook{}
)

func newWebhook(s *simulation) *webhook {
	w := &webhook{s: s, sets: sidecar.NewIndex(), patches: patches.NewIndex()}
	w.handler = &pod.Handler{
		Sets: w.sets, Scheduling: &pod.Scheduling{Index: w.patches, Owners: w, Clock: s.Clock}, Reader: s.Live(), Clock: s.Clock,
	}
	enforced := *w.handler
	enforced.Enforced, enforced.Fresh = true, w
	w.enforced = &enforced
	s.Watchers = append(s.Watchers, func(e world.Event) {
		if e.Kind == world.SidecarSet || e.Kind == world.SchedPatch {
			w.pending = append(w.pending, e)
		}
	})
	return w
}

// learn takes in everything that has happened.
func (w *webhook) learn() {
	for _, e := range w.pending {
		switch object := e.After.(type) {
		case nil:
			if e.Kind == world.SidecarSet {
				w.sets.Delete(e.Key.Name)
			} else {
				w.patches.Delete(e.Key)
			}
		case *v1beta1.SidecarSet:
			set, err := sidecar.Compile(object)
			if err != nil {
				w.s.T.Fatal(err)
			}
			w.sets.Put(set)
		case *v1alpha1.SchedPatch:
			patch, err := patches.Compile(object)
			if err != nil {
				w.s.T.Fatal(err)
			}
			w.patches.Put(patch)
		}
	}
	w.pending = nil
}

// Wait makes the webhook know everything.
func (w *webhook) Wait(context.Context) error {
	w.learn()
	return nil
}

// Labels are those of a Namespace.
func (w *webhook) Labels(_ context.Context, name string) (map[string]string, error) {
	return world.Get[*corev1.Namespace](w.s.Store, world.Namespace, world.Key{Name: name}).Labels, nil
}

// ControllerOf follows an owner.
func (w *webhook) ControllerOf(_ context.Context, namespace string, owner *metav1.OwnerReference) (*metav1.OwnerReference, error) {
	object := world.Get[client.Object](w.s.Store, owner.Kind, world.Key{Namespace: namespace, Name: owner.Name})
	if object == nil || object.GetUID() != owner.UID {
		return nil, nil
	}
	return metav1.GetControllerOf(object), nil
}

// Exists reports whether there is an owner.
func (w *webhook) Exists(_ context.Context, namespace string, owner *metav1.OwnerReference) (bool, error) {
	object := world.Get[client.Object](w.s.Store, owner.Kind, world.Key{Namespace: namespace, Name: owner.Name})
	return object != nil && object.GetUID() == owner.UID, nil
}

// Ask says whether a SchedPatch is applied as it is.
func (w *webhook) Ask(_ context.Context, patch *v1alpha1.SchedPatch) *remediation.Answer {
	answer := &remediation.Answer{UID: patch.UID, Generation: patch.Generation}
	known := w.patches.Get(client.ObjectKeyFromObject(patch))
	switch {
	case w.down:
		answer.Missing = "no replica answers"
	case known == nil || known.Object.UID != patch.UID || known.Object.Generation != patch.Generation:
		answer.Missing = "a replica does not serve it yet"
	}
	return answer
}

// admit is the admission of new Pods. While no replica answers, Pods come as they are, but for namespaces whose
// injection is enforced: there none comes.
func (s *simulation) admit(object client.Object, dryRun bool) error {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return nil
	}
	namespace := world.Get[*corev1.Namespace](s.Store, world.Namespace, world.Key{Name: pod.Namespace})
	enforced := namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionEnforced
	switch {
	case s.webhook.down && enforced:
		return world.NoWebhook("pods.windlass.example")
	case s.webhook.down:
		return nil
	case enforced:
		return world.Review(s.T, s.webhook.enforced, pod, dryRun)
	}
	return world.Review(s.T, s.webhook.handler, pod, dryRun)
}

// policy refuses changes of Pods in namespace kept, but for their status, which kubelets write too, and at times new
// Pods that pull images.
func (s *simulation) policy(before, after client.Object) error {
	if is, ok := after.(*corev1.Pod); ok && before == nil && pull.Is(is) && s.noPullers[is.Namespace] {
		return world.Denied("no Pods that pull images here")
	}
	was, ok := before.(*corev1.Pod)
	if !ok || after == nil || !s.refusing || was.Namespace != kept {
		return nil
	}
	for i := range was.Spec.Containers {
		if was.Spec.Containers[i].Image != after.(*corev1.Pod).Spec.Containers[i].Image {
			s.disturbed = true
			return world.Denied("nothing changes here")
		}
	}
	return nil
}
