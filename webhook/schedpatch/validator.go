// SPDX-License-Identifier: Apache-2.0

// Package schedpatch is the admission of SchedPatches. What is wrong with one by itself, internal/schedpatch says, for
// the operator too; here is the rest: what the administrator allows, and warnings of patches that will not do what they
// look like.
package schedpatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// ValidatePath is where the handler is served.
const ValidatePath = "/validate-apps-kruise-io-schedpatch"

// Validator refuses SchedPatches that could not work, and tolerations that the administrator does not allow.
type Validator struct {
	// AllowedTolerations are keys that patches may tolerate although they are refused by default; see
	// ValidateTolerations.
	AllowedTolerations []string
	// Excluded names the namespaces whose Pods are never patched.
	Excluded []string
	// Namespaces reads Namespaces, from a cache.
	Namespaces client.Reader
	// Surroundings are asked what a patch would lead to. Nil: nobody is warned.
	Surroundings *Surroundings
	// Clock tells which patches have ended.
	Clock clock.PassiveClock
}

// Handle answers one request.
func (v *Validator) Handle(ctx context.Context, request admission.Request) admission.Response {
	object, old, err := decode(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if object.DeletionTimestamp != nil {
		return admission.Allowed("on its way out") // nothing may keep finalizers from being removed
	}
	if old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return admission.Allowed("") // a label can be put even on what is refused by now
	}
	input := Input{
		Patch: object, AllowedTolerations: v.AllowedTolerations, Excluded: v.Excluded,
		Namespace: v.namespace(ctx, request.Namespace), Now: metav1.NewTime(v.Clock.Now()),
	}
	if patch, err := schedpatch.Compile(object); err == nil && patch.ActiveAt(input.Now) {
		input.Around = v.Surroundings.look(ctx, patch)
	}
	return answer(object, Validate(input))
}

func answer(object *v1alpha1.SchedPatch, result Result) admission.Response {
	response := admission.Allowed("")
	if len(result.Errors) > 0 {
		invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("SchedPatch").GroupKind(), object.Name, result.Errors)
		response = admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &invalid.ErrStatus}}
	}
	response.Warnings = result.Warnings
	return response
}

// namespace reads the patch's namespace, which is asked only for a warning: one that cannot be read, or is not known
// yet, has no labels.
func (v *Validator) namespace(ctx context.Context, name string) *corev1.Namespace {
	namespace := &corev1.Namespace{}
	if err := v.Namespaces.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		if !apierrors.IsNotFound(err) {
			ctrl.LoggerFrom(ctx).Error(err, "Namespace cannot be read; a warning of its injection label may be missing", "namespace", name)
		}
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	return namespace
}

// decode reads a SchedPatch and what it was before an update; nil when it is new.
func decode(request admission.Request) (object, old *v1alpha1.SchedPatch, err error) {
	if err := checkKind(request.Kind); err != nil {
		return nil, nil, err
	}
	object = &v1alpha1.SchedPatch{}
	if err := json.Unmarshal(request.Object.Raw, object); err != nil {
		return nil, nil, fmt.Errorf("the request's object is not a SchedPatch: %w", err)
	}
	if len(request.OldObject.Raw) == 0 {
		return object, nil, nil
	}
	old = &v1alpha1.SchedPatch{}
	if err := json.Unmarshal(request.OldObject.Raw, old); err != nil {
		return nil, nil, fmt.Errorf("the request's old object is not a SchedPatch: %w", err)
	}
	return object, old, nil
}

// checkKind refuses what is no SchedPatch, and says whose fault that is.
func checkKind(kind metav1.GroupVersionKind) error {
	switch {
	case kind.Group == v1alpha1.GroupVersion.Group && kind.Kind == "SchedPatch":
		return nil
	case kind.Kind == "":
		return errors.New("the body is not an AdmissionReview of a SchedPatch: its request.kind is missing")
	default:
		return fmt.Errorf("%s is served for SchedPatches, not for %s: correct the rules of the webhook configuration",
			ValidatePath, schema.GroupKind{Group: kind.Group, Kind: kind.Kind})
	}
}
