// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/apply"
)

// request is one write that reached the API server.
type request struct {
	// Verb is create, patch or delete, with the subresource where there is one: patch/status.
	Verb, Kind, Name string
}

func (r request) String() string { return r.Verb + " " + r.Kind + " " + r.Name }

// fakeWriter writes to a store as a client does through the API server: patches are really applied, and refused for the
// reasons that the API server has.
type fakeWriter struct {
	store    *store
	requests []request
	// fault is asked before each write: with an error the write is not made.
	fault func(request) error
	// policy judges what a write would make of an object, dry run or not; before is nil for a new one, after for one
	// that is deleted.
	policy func(before, after client.Object) error
	// wrote is told of each write that was made, with the object before and after it; either may be nil.
	wrote func(r request, before, after client.Object)
	// answer is asked after each write that was made: an error is all that the writer gets to know.
	answer func(request) error
}

var _ apply.Writer = (*fakeWriter)(nil)

func (w *fakeWriter) begin(r request) error {
	w.requests = append(w.requests, r)
	if w.fault == nil {
		return nil
	}
	return w.fault(r)
}

func (w *fakeWriter) done(r request, before client.Object) error {
	if w.wrote != nil {
		after := w.store.objects[r.Kind][r.Name]
		w.wrote(r, before, after)
	}
	if w.answer == nil {
		return nil
	}
	return w.answer(r)
}

func resourceOf(kind string) schema.GroupResource { return schema.GroupResource{Resource: kind} }

// Create stores a copy of the object and tells the caller its UID.
func (w *fakeWriter) Create(_ context.Context, object client.Object, options ...client.CreateOption) error {
	s := w.store
	kind, o := kindOf(s.t, object), (&client.CreateOptions{}).ApplyOptions(options)
	r := request{verb("create", o.DryRun), kind, object.GetName()}
	if err := w.begin(r); err != nil {
		return err
	}
	if err := w.judge(nil, object); err != nil {
		return err
	}
	if s.objects[kind][object.GetName()] != nil {
		return apierrors.NewAlreadyExists(resourceOf(kind), object.GetName())
	}
	if len(o.DryRun) > 0 {
		return nil
	}
	var stored client.Object
	switch o := object.(type) {
	case *corev1.Pod:
		pod := decodeLike(s.t, encode(s.t, o), &corev1.Pod{})
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
		stored = pod
	case *corev1.PersistentVolumeClaim:
		claim := decodeLike(s.t, encode(s.t, o), &corev1.PersistentVolumeClaim{})
		claim.Status.Phase = corev1.ClaimPending
		stored = claim
	case *appsv1.ControllerRevision:
		stored = decodeLike(s.t, encode(s.t, o), &appsv1.ControllerRevision{})
	default:
		s.t.Fatalf("nobody creates a %s", kind)
	}
	s.add(stored)
	object.SetUID(stored.GetUID())
	return w.done(r, nil)
}

// Delete deletes; a precondition on the UID is heeded. Pods are never deleted by force: their node may still run them.
func (w *fakeWriter) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	s := w.store
	kind, o := kindOf(s.t, object), (&client.DeleteOptions{}).ApplyOptions(options)
	r := request{"delete", kind, object.GetName()}
	if err := w.begin(r); err != nil {
		return err
	}
	if o.GracePeriodSeconds != nil {
		s.t.Errorf("%s sets a grace period of %d s", r, *o.GracePeriodSeconds)
	}
	before := s.objects[kind][object.GetName()]
	if before == nil {
		return apierrors.NewNotFound(resourceOf(kind), object.GetName())
	}
	switch {
	case o.Preconditions == nil || o.Preconditions.UID == nil:
		s.t.Errorf("%s does not say which one it means", r)
	case *o.Preconditions.UID != before.GetUID():
		return apierrors.NewConflict(resourceOf(kind), object.GetName(), errors.New("another UID"))
	case o.Preconditions.ResourceVersion != nil && *o.Preconditions.ResourceVersion != before.GetResourceVersion():
		return apierrors.NewConflict(resourceOf(kind), object.GetName(), errors.New("it has changed"))
	}
	if err := w.judge(before, nil); err != nil {
		return err
	}
	if kind == podKind {
		s.deletePod(object.GetName())
	} else {
		s.remove(kind, object.GetName())
	}
	return w.done(r, before)
}

// Patch patches an object.
func (w *fakeWriter) Patch(_ context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return w.patch(object, "", patch, (&client.PatchOptions{}).ApplyOptions(options).DryRun)
}

// verb is that of a write, or of the question whether it would be taken.
func verb(name string, dryRun []string) string {
	if len(dryRun) > 0 {
		return "try " + name
	}
	return name
}

func (w *fakeWriter) judge(before, after client.Object) error {
	if w.policy == nil {
		return nil
	}
	return w.policy(before, after)
}

// Status patches the status of objects.
func (w *fakeWriter) Status() client.SubResourceWriter {
	return fakeSubresource{writer: w, name: "status"}
}

// SubResource patches a subresource of objects.
func (w *fakeWriter) SubResource(name string) client.SubResourceClient {
	return fakeSubresource{writer: w, name: name}
}

// fakeSubresource is one that nobody does anything to but patch it.
type fakeSubresource struct {
	client.SubResourceClient
	writer *fakeWriter
	name   string
}

// Patch patches the subresource.
func (f fakeSubresource) Patch(_ context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return f.writer.patch(object, f.name, patch, (&client.SubResourcePatchOptions{}).ApplyOptions(options).DryRun)
}

func (w *fakeWriter) patch(object client.Object, subresource string, patch client.Patch, dryRun []string) error {
	s := w.store
	kind := kindOf(s.t, object)
	r := request{verb("patch", dryRun), kind, object.GetName()}
	if subresource != "" {
		r.Verb += "/" + subresource
	}
	data, err := patch.Data(object)
	if err != nil {
		return err
	}
	if err := w.begin(r); err != nil {
		return err
	}
	before := s.objects[kind][object.GetName()]
	if before == nil {
		return apierrors.NewNotFound(resourceOf(kind), object.GetName())
	}
	after, err := w.patched(before, patch.Type(), data)
	if err != nil {
		return err
	}
	if after.GetUID() != before.GetUID() || after.GetResourceVersion() != before.GetResourceVersion() {
		return apierrors.NewConflict(resourceOf(kind), object.GetName(), errors.New("it has changed"))
	}
	if err := w.keepTheRest(subresource, before, after); err != nil {
		return err
	}
	if subresource == "" || subresource == "resize" {
		if err := w.judge(before, after); err != nil {
			return err
		}
	}
	if len(dryRun) > 0 {
		return nil
	}
	s.replace(kind, before, after)
	return w.done(r, before)
}

// patched applies a patch. A JSON patch whose test fails is answered with Invalid and no causes.
func (w *fakeWriter) patched(before client.Object, kind types.PatchType, data []byte) (client.Object, error) {
	t := w.store.t
	var result []byte
	var err error
	switch kind {
	case types.JSONPatchType:
		patch, decodeErr := jsonpatch.DecodePatch(data)
		if decodeErr != nil {
			t.Fatalf("%v in %s", decodeErr, data)
		}
		if result, err = patch.Apply(encode(t, before)); err != nil {
			return nil, apierrors.NewInvalid(schema.GroupKind{Kind: kindOf(t, before)}, before.GetName(), nil)
		}
	case types.MergePatchType:
		result, err = jsonpatch.MergePatch(encode(t, before), data)
	case types.StrategicMergePatchType:
		result, err = strategicpatch.StrategicMergePatch(encode(t, before), data, before)
	default:
		err = fmt.Errorf("nobody patches with %s", kind)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	switch before.(type) {
	case *corev1.Pod:
		return decodeLike(t, result, &corev1.Pod{}), nil
	case *corev1.PersistentVolumeClaim:
		return decodeLike(t, result, &corev1.PersistentVolumeClaim{}), nil
	case *appsv1.ControllerRevision:
		return decodeLike(t, result, &appsv1.ControllerRevision{}), nil
	}
	return decodeLike(t, result, &v1beta1.StatefulSet{}), nil
}

// keepTheRest leaves what a subresource does not concern as it was, and refuses what cannot change.
func (w *fakeWriter) keepTheRest(subresource string, before, after client.Object) error {
	switch now := after.(type) {
	case *corev1.Pod:
		return keepPod(subresource, before.(*corev1.Pod), now)
	case *corev1.PersistentVolumeClaim:
		was, is := storage(before.(*corev1.PersistentVolumeClaim)), storage(now)
		if is.Cmp(was) < 0 {
			return refused(claimKind, now.Name, "a claim cannot shrink")
		}
	case *v1beta1.StatefulSet:
		if subresource != "status" {
			return refused(setKind, now.Name, "nobody but its owner changes the spec")
		}
		now.Spec = before.(*v1beta1.StatefulSet).Spec
	}
	return nil
}

func keepPod(subresource string, before, after *corev1.Pod) error {
	switch subresource {
	case "status":
		status := after.Status
		before.DeepCopyInto(after)
		after.Status = status
		return nil
	case "resize":
		wanted := after.Spec.Containers
		before.DeepCopyInto(after)
		for i := range wanted {
			after.Spec.Containers[i].Resources = wanted[i].Resources
		}
		return nil
	}
	after.Status = *before.Status.DeepCopy()
	images := before.DeepCopy()
	for i := range min(len(images.Spec.Containers), len(after.Spec.Containers)) {
		images.Spec.Containers[i].Image = after.Spec.Containers[i].Image
	}
	for i := range min(len(images.Spec.InitContainers), len(after.Spec.InitContainers)) {
		images.Spec.InitContainers[i].Image = after.Spec.InitContainers[i].Image
	}
	if !equality.Semantic.DeepEqual(images.Spec, after.Spec) {
		return refused(podKind, after.Name, "only images may change")
	}
	return nil
}

// refused is what no retry helps against.
func refused(kind, name, why string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid, Message: kind + " " + name + ": " + why,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Message: why}}},
	}}
}
