// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/jsonpointer"
	"github.com/windlass-operator/windlass/operator/apply"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// Outcome is what became of a plan.
type Outcome struct {
	// Updated, Completed and Finished are the actions that were carried out.
	Updated, Completed, Finished []UpdatePod
	// Refused are the changes of Pods that the API server did not carry out, or of which nobody knows.
	Refused []Refused
	// Evicted are the Pods that will be created anew.
	Evicted []EvictPod
	// Kept are the evictions that the API server refused.
	Kept []TriedEviction
	// Collided tells that the name of the new revision is taken by something that is not ours. The next look takes
	// another one.
	Collided bool
	// Failed are the other actions that the API server refused, with its words.
	Failed []error
	// Unrecorded means that the current revision could not be recorded, so that no Pod was marked with it.
	Unrecorded bool
	// Stale counts those that were given up because the object had changed since the snapshot. The change itself brings
	// the next look.
	Stale int
}

// Refused is the change of a Pod that failed.
type Refused struct {
	UpdatePod
	// Write says which one it was, Err why.
	Write string
	Err   error
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

// apply executes a plan. One refused action does not stop the others: the plan has counted all of them into
// maxUnavailable. Revisions come first, since Pods are marked with their names.
func (e *executor) apply(ctx context.Context, plan *Plan) *Outcome {
	o := &Outcome{}
	e.applyRevisions(ctx, &plan.Revisions, o)
	if !o.Unrecorded {
		e.change(ctx, plan.Completions, writeResize, o, &o.Completed)
		e.change(ctx, plan.Updates, writeUpdate, o, &o.Updated)
	}
	e.change(ctx, plan.Finishes, writeFinish, o, &o.Finished)
	e.evictAll(ctx, plan, o)
	apply.Each(ctx, e.parallel, plan.Marks, e.mark, func(_ MarkPod, err error) { o.judge(err) })
	return o
}

// change carries out changes of Pods and sorts them by what became of them.
func (e *executor) change(ctx context.Context, actions []UpdatePod, write string, o *Outcome, done *[]UpdatePod) {
	apply.Each(ctx, e.parallel, actions, e.update, func(u UpdatePod, err error) {
		switch refusal.KindOf(err) {
		case refusal.None:
			*done = append(*done, u)
		case refusal.Stale:
			o.Stale++
		default:
			o.Refused = append(o.Refused, Refused{u, write, err})
		}
	})
}

// judge reports whether an action succeeded, and notes why not.
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
func (e *executor) applyRevisions(ctx context.Context, plan *RevisionPlan, o *Outcome) {
	if plan.Create != nil {
		created := plan.Create.DeepCopy()
		created.Namespace = e.namespace
		err := e.writer.Create(ctx, created)
		o.Unrecorded, o.Collided = err != nil, apierrors.IsAlreadyExists(err)
		if !o.Collided {
			o.fail(apply.Wrap(err, "create revision %s", created.Name))
		}
	}
	if plan.Change != nil {
		o.fail(apply.Wrap(e.writer.Patch(ctx, plan.Change.DeepCopy(), client.MergeFrom(plan.Old)), "update revision %s", plan.Change.Name))
	}
	for _, r := range plan.Delete {
		o.fail(apply.Wrap(client.IgnoreNotFound(e.writer.Delete(ctx, r.DeepCopy())), "delete revision %s", r.Name))
	}
}

// update changes one Pod with one write, two if it is resized too, and only if it is the Pod that the plan saw and
// nobody has changed what the plan rests on.
//
// Of two writes, the API server might take the first and refuse the second, so it is asked about both before either is
// made. The resize comes second: the first one records that it is to follow, so whoever is stopped in between, or
// refused after all, leaves a Pod that is known not to be at its end.
func (e *executor) update(ctx context.Context, u UpdatePod) error {
	writes := podWrites(u)
	if len(writes) > 1 {
		for _, w := range writes {
			if err := e.patch(ctx, u.View.Pod, w, client.DryRunAll); err != nil && !noDryRun(err) {
				return apply.Wrap(err, "%s Pod %s in place", w.verb, podName(u.View.Pod))
			}
		}
	}
	for _, w := range writes {
		if err := e.patch(ctx, u.View.Pod, w); err != nil {
			return apply.Wrap(err, "%s Pod %s in place", w.verb, podName(u.View.Pod))
		}
	}
	return nil
}

// noDryRun reports whether the API server cannot tell beforehand what a webhook will say.
func noDryRun(err error) bool {
	return apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "does not support dry run")
}

// podWrite is one patch of a Pod.
type podWrite struct {
	verb, subresource string
	operations        []jsonpatch.Operation
}

// podWrites are the writes that an update takes, in order.
func podWrites(u UpdatePod) []podWrite {
	var out []podWrite
	if len(u.Change.Images)+len(u.Change.Annotations) > 0 {
		out = append(out, podWrite{"update", "", podPatch(u)})
	}
	if len(u.Change.Resources) > 0 {
		out = append(out, podWrite{"resize", "resize", resizePatch(u)})
	}
	return out
}

func (e *executor) patch(ctx context.Context, pod *corev1.Pod, w podWrite, dryRun ...client.PatchOption) error {
	data, err := json.Marshal(w.operations)
	if err != nil {
		return err
	}
	target, patch := identity(pod), client.RawPatch(types.JSONPatchType, data)
	if w.subresource == "" {
		return e.writer.Patch(ctx, target, patch, dryRun...)
	}
	options := make([]client.SubResourcePatchOption, 0, len(dryRun))
	if len(dryRun) > 0 {
		options = append(options, client.DryRunAll)
	}
	return e.writer.SubResource(w.subresource).Patch(ctx, target, patch, options...)
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

// podPatch renders an update. Its tests are the preconditions: the Pod's UID, the annotations that are rewritten, and
// the containers' names and images. The kubelet's writes to the status therefore never get in the way, but for one: a
// Pod that was taken because it did not serve is left alone if it does now.
func podPatch(u UpdatePod) []jsonpatch.Operation {
	pod := u.View.Pod
	patch := []jsonpatch.Operation{jsonpatch.NewOperation("test", "/metadata/uid", pod.UID)}
	if u.NotServing {
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

// stillNotReady tests the Ready condition where the snapshot saw it. A Pod that has none does not run yet.
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
	return []jsonpatch.Operation{jsonpatch.NewOperation("test", "/status/phase", pod.Status.Phase)}
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

// writeStatus writes the status if it changed, and reports whether it did.
func (e *executor) writeStatus(ctx context.Context, object *v1beta1.SidecarSet, status *v1beta1.SidecarSetStatus) (bool, error) {
	updated := object.DeepCopy()
	updated.Status = *status
	written, err := apply.Status(ctx, e.writer.Status(), object, updated, apply.FirstStatus(object.Status.Conditions))
	return written, apply.Wrap(err, "write the status of SidecarSet %s", object.Name)
}
