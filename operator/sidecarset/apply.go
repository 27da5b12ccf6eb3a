package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/jsonpointer"
	"github.com/windlass-operator/windlass/operator/apply"
)

// Outcome is what became of a plan.
type Outcome struct {
	// Updated and Finished are the actions that were carried out.
	Updated, Finished []UpdatePod
	// Evicted are the Pods that will be created anew.
	Evicted []EvictPod
	// Protected counts the Pods that a PodDisruptionBudget kept from eviction.
	Protected int
	// Collided tells that the name of the new revision is taken by something that
	// is not ours. The next look takes another one.
	Collided bool
	// Failed are the actions that the API server refused, with its words.
	Failed []error
	// Stale counts those that were given up because the object had changed since
	// the snapshot. The change itself brings the next look.
	Stale int
}

// Err joins the errors that are worth another try.
func (o *Outcome) Err() error { return errors.Join(o.Failed...) }

// writer is the part of a client that carries plans out.
type writer interface {
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
	Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
	Status() client.SubResourceWriter
	SubResource(name string) client.SubResourceClient
}

// executor carries plans out. It is the only one that writes.
type executor struct {
	writer writer
	// namespace is where the revisions are kept.
	namespace string
	// parallel is how many Pods are written to at once at most.
	parallel int
}

// apply executes a plan. One refused action does not stop the others: the plan
// has counted all of them into maxUnavailable. Revisions come first, since Pods
// are marked with their names.
func (e *executor) apply(ctx context.Context, plan *Plan) *Outcome {
	o := &Outcome{}
	for _, err := range e.applyRevisions(ctx, &plan.Revisions) {
		if apierrors.IsAlreadyExists(err) {
			o.Collided = true
			continue
		}
		o.fail(err)
	}
	apply.Each(ctx, e.parallel, plan.Updates, e.update, func(u UpdatePod, err error) {
		if o.judge(err) {
			o.Updated = append(o.Updated, u)
		}
	})
	apply.Each(ctx, e.parallel, plan.Finishes, e.update, func(u UpdatePod, err error) {
		if o.judge(err) {
			o.Finished = append(o.Finished, u)
		}
	})
	apply.Each(ctx, e.parallel, plan.Evictions, e.evict, func(eviction EvictPod, err error) {
		switch {
		case apierrors.IsTooManyRequests(err):
			o.Protected++
		case o.judge(err):
			o.Evicted = append(o.Evicted, eviction)
		}
	})
	apply.Each(ctx, e.parallel, plan.Marks, e.mark, func(_ MarkPod, err error) { o.judge(err) })
	return o
}

// judge tells whether an action succeeded, and notes why not.
func (o *Outcome) judge(err error) bool {
	switch {
	case err == nil:
		return true
	case apply.IsStale(err):
		o.Stale++
	default:
		o.fail(err)
	}
	return false
}

func (o *Outcome) fail(errs ...error) {
	for _, err := range errs {
		if err != nil {
			o.Failed = append(o.Failed, err)
		}
	}
}

// applyRevisions keeps the history. Its steps do not depend on one another.
func (e *executor) applyRevisions(ctx context.Context, plan *RevisionPlan) []error {
	var errs []error
	if plan.Create != nil {
		created := plan.Create.DeepCopy()
		created.Namespace = e.namespace
		errs = append(errs, apply.Wrap(e.writer.Create(ctx, created), "create revision %s", created.Name))
	}
	if plan.Change != nil {
		errs = append(errs, apply.Wrap(e.writer.Patch(ctx, plan.Change.DeepCopy(), client.MergeFrom(plan.Old)), "update revision %s", plan.Change.Name))
	}
	for _, r := range plan.Delete {
		errs = append(errs, apply.Wrap(client.IgnoreNotFound(e.writer.Delete(ctx, r.DeepCopy())), "delete revision %s", r.Name))
	}
	return errs
}

// update changes one Pod with one write, two if it is resized too, and only if
// it is the Pod that the plan saw and nobody has changed what the plan rests on.
func (e *executor) update(ctx context.Context, u UpdatePod) error {
	if len(u.Change.Resources) > 0 {
		if err := e.patch(ctx, u.View.Pod, "resize", resizePatch(u)); err != nil {
			return apply.Wrap(err, "resize Pod %s in place", podName(u.View.Pod))
		}
	}
	return apply.Wrap(e.patch(ctx, u.View.Pod, "", podPatch(u)), "update Pod %s in place", podName(u.View.Pod))
}

func (e *executor) patch(ctx context.Context, pod *corev1.Pod, subresource string, operations []jsonpatch.Operation) error {
	data, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	target, patch := identity(pod), client.RawPatch(types.JSONPatchType, data)
	if subresource != "" {
		return e.writer.SubResource(subresource).Patch(ctx, target, patch)
	}
	return e.writer.Patch(ctx, target, patch)
}

// evict asks for the end of a Pod, which a PodDisruptionBudget may refuse.
func (e *executor) evict(ctx context.Context, eviction EvictPod) error {
	uid := eviction.Pod.UID
	body := &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}}
	return apply.Wrap(e.writer.SubResource("eviction").Create(ctx, identity(eviction.Pod), body), "evict Pod %s", podName(eviction.Pod))
}

// mark writes one condition; conditions are merged by their type.
func (e *executor) mark(ctx context.Context, m MarkPod) error {
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": m.View.Pod.UID},
		"status":   map[string]any{"conditions": []corev1.PodCondition{m.Condition}},
	})
	if err == nil {
		err = e.writer.Status().Patch(ctx, identity(m.View.Pod), client.RawPatch(types.StrategicMergePatchType, data))
	}
	return apply.Wrap(err, "set condition %s of Pod %s", m.Condition.Type, podName(m.View.Pod))
}

// podPatch renders an update. Its tests are the preconditions: the Pod's UID,
// the annotations that are rewritten, and the containers' names and images. The
// kubelet's writes to the status therefore never get in the way, but for one: a
// Pod that was taken because it did not serve is left alone if it does now.
func podPatch(u UpdatePod) []jsonpatch.Operation {
	pod := u.View.Pod
	patch := []jsonpatch.Operation{jsonpatch.NewOperation("test", "/metadata/uid", pod.UID)}
	if u.Free {
		patch = append(patch, stillNotReady(pod)...)
	}
	for _, key := range slices.Sorted(maps.Keys(u.Change.Annotations)) {
		path := jsonpointer.Path("metadata", "annotations", key)
		if before, ok := pod.Annotations[key]; ok {
			patch = append(patch, jsonpatch.NewOperation("test", path, before))
		}
		patch = append(patch, jsonpatch.NewOperation("add", path, u.Change.Annotations[key]))
	}
	for _, image := range u.Change.Images {
		at := containerPath(image.List, image.Index)
		patch = append(patch,
			jsonpatch.NewOperation("test", at+"/name", image.Name),
			jsonpatch.NewOperation("test", at+"/image", image.From),
			jsonpatch.NewOperation("replace", at+"/image", image.To))
	}
	return patch
}

// stillNotReady tests the Ready condition where the snapshot saw it.
func stillNotReady(pod *corev1.Pod) []jsonpatch.Operation {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			at := fmt.Sprintf("/status/conditions/%d", i)
			return []jsonpatch.Operation{
				jsonpatch.NewOperation("test", at+"/type", c.Type),
				jsonpatch.NewOperation("test", at+"/status", c.Status),
			}
		}
	}
	return nil
}

// resizePatch renders the part of an update that the resize subresource takes.
func resizePatch(u UpdatePod) []jsonpatch.Operation {
	patch := []jsonpatch.Operation{jsonpatch.NewOperation("test", "/metadata/uid", u.View.Pod.UID)}
	for _, r := range u.Change.Resources {
		at := containerPath(r.List, r.Index)
		patch = append(patch,
			jsonpatch.NewOperation("test", at+"/name", r.Name),
			jsonpatch.NewOperation("replace", at+"/resources", r.To))
	}
	return patch
}

func containerPath(list string, index int) string { return fmt.Sprintf("/spec/%s/%d", list, index) }

// identity is enough of a Pod to address it.
func identity(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
}

// writeStatus writes the status if it changed, and tells whether it did.
func (e *executor) writeStatus(ctx context.Context, object *v1beta1.SidecarSet, status *v1beta1.SidecarSetStatus) (bool, error) {
	updated := object.DeepCopy()
	updated.Status = *status
	written, err := apply.Status(ctx, e.writer.Status(), object, updated, apply.FirstStatus(object.Status.Conditions))
	return written, apply.Wrap(err, "write the status of SidecarSet %s", object.Name)
}
