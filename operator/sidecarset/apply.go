package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/jsonpointer"
)

// Outcome is what became of a plan.
type Outcome struct {
	// Updated are the actions that were carried out.
	Updated []UpdatePod
	// Failed are those that the API server refused, with its words.
	Failed []FailedUpdate
	// Stale counts those that were given up because the Pod had changed since
	// the snapshot. The change itself brings the next look.
	Stale int
}

// FailedUpdate is an action that the API server refused.
type FailedUpdate struct {
	UpdatePod
	Err error
}

// Err joins the errors that are worth another try.
func (o *Outcome) Err() error {
	errs := make([]error, 0, len(o.Failed))
	for _, f := range o.Failed {
		errs = append(errs, f.Err)
	}
	return errors.Join(errs...)
}

// podPatcher is the part of a client that changes Pods.
type podPatcher interface {
	Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error
}

// statusPatcher is the part of a client that writes statuses.
type statusPatcher interface {
	Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error
}

// executor carries plans out. It is the only one that writes.
type executor struct {
	pods   podPatcher
	status statusPatcher
	// parallel is how many Pods are written to at once at most.
	parallel int
}

// apply executes a plan in batches of 1, 2, 4, ... so that a refusal that meets
// every Pod costs few requests. One refused Pod does not stop the others: the
// plan has counted all of them into maxUnavailable.
func (e *executor) apply(ctx context.Context, plan *Plan) *Outcome {
	outcome := &Outcome{}
	todo := plan.Updates
	for size := 1; len(todo) > 0 && ctx.Err() == nil; size = min(2*size, e.parallel) {
		batch := todo[:min(size, len(todo))]
		todo = todo[len(batch):]
		outcome.add(batch, e.updateAll(ctx, batch))
	}
	return outcome
}

func (e *executor) updateAll(ctx context.Context, batch []UpdatePod) []error {
	errs := make([]error, len(batch))
	var wait sync.WaitGroup
	for i := range batch {
		wait.Go(func() { errs[i] = e.update(ctx, batch[i]) })
	}
	wait.Wait()
	return errs
}

func (o *Outcome) add(batch []UpdatePod, errs []error) {
	for i, err := range errs {
		switch {
		case err == nil:
			o.Updated = append(o.Updated, batch[i])
		case isStale(err):
			o.Stale++
		default:
			o.Failed = append(o.Failed, FailedUpdate{batch[i], err})
		}
	}
}

// isStale tells whether a write failed because the Pod is gone, or is not what
// the snapshot said: the API server answers a failed JSON patch test with
// Invalid and no field causes.
func isStale(err error) bool {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	status := apierrors.APIStatus(nil)
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || len(details.Causes) == 0
}

// update changes one Pod with one write, and only if it is the Pod that the
// plan saw and nobody has changed what the plan rests on.
func (e *executor) update(ctx context.Context, u UpdatePod) error {
	patch, err := json.Marshal(podPatch(u))
	if err != nil {
		return fmt.Errorf("encode the patch of Pod %s/%s: %w", u.View.Pod.Namespace, u.View.Pod.Name, err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: u.View.Pod.Namespace, Name: u.View.Pod.Name}}
	if err := e.pods.Patch(ctx, pod, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("update Pod %s/%s in place: %w", u.View.Pod.Namespace, u.View.Pod.Name, err)
	}
	return nil
}

// podPatch renders an update. Its tests are the preconditions: the Pod's UID,
// the annotations that are rewritten, and the containers' names and images. The
// kubelet's writes to the status therefore never get in the way.
func podPatch(u UpdatePod) []jsonpatch.Operation {
	pod := u.View.Pod
	patch := []jsonpatch.Operation{jsonpatch.NewOperation("test", "/metadata/uid", pod.UID)}
	for key, value := range u.Change.Annotations {
		path := jsonpointer.Path("metadata", "annotations", key)
		if before, ok := pod.Annotations[key]; ok {
			patch = append(patch, jsonpatch.NewOperation("test", path, before))
		}
		patch = append(patch, jsonpatch.NewOperation("add", path, value))
	}
	for _, image := range u.Change.Images {
		at := fmt.Sprintf("/spec/%s/%d", image.List, image.Index)
		patch = append(patch,
			jsonpatch.NewOperation("test", at+"/name", image.Name),
			jsonpatch.NewOperation("test", at+"/image", image.From),
			jsonpatch.NewOperation("replace", at+"/image", image.To))
	}
	return patch
}

// writeStatus writes the status if it changed, and tells whether it did.
func (e *executor) writeStatus(ctx context.Context, object *v1beta1.SidecarSet, status *v1beta1.SidecarSetStatus) (bool, error) {
	updated := object.DeepCopy()
	updated.Status = *status
	patch := client.MergeFrom(object)
	data, err := patch.Data(updated)
	if err != nil {
		return false, fmt.Errorf("encode the status of SidecarSet %s: %w", object.Name, err)
	}
	if string(data) == "{}" {
		return false, nil
	}
	if err := e.status.Patch(ctx, updated, client.RawPatch(patch.Type(), data)); err != nil {
		return false, fmt.Errorf("write the status of SidecarSet %s: %w", object.Name, err)
	}
	return true, nil
}
