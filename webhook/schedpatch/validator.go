// SPDX-License-Identifier: Apache-2.0

// Package schedpatch is the admission of SchedPatches. What is wrong with one by itself, internal/schedpatch says, for
// the operator too; here is the rest: what the administrator allows, and warnings of patches that will not do what they
// look like.
package schedpatch

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/admit"
)

// ValidatePath is where the handler is served.
const ValidatePath = "/validate-apps-kruise-io-schedpatch"

// served are the objects that the handler is served for.
var served = admit.Kind[v1alpha1.SchedPatch]{
	GroupKind: v1alpha1.GroupVersion.WithKind("SchedPatch").GroupKind(),
	Plural:    "SchedPatches",
	Paths:     []string{ValidatePath},
}

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
	return served.Answer(request, func(write admit.Write[v1alpha1.SchedPatch]) (admit.Result, error) {
		if write.Old != nil && equality.Semantic.DeepEqual(write.Old.Spec, write.Object.Spec) {
			return admit.Result{}, nil // a label can be put even on what is refused by now
		}
		return Validate(v.gather(ctx, request.Namespace, write.Object)), nil
	})
}

// gather reads everything that the validation needs.
func (v *Validator) gather(ctx context.Context, namespace string, object *v1alpha1.SchedPatch) Input {
	input := Input{
		Patch: object, AllowedTolerations: v.AllowedTolerations, Excluded: v.Excluded,
		Namespace: v.namespace(ctx, namespace), Now: metav1.NewTime(v.Clock.Now()),
	}
	if patch, err := schedpatch.Compile(object); err == nil && patch.ActiveAt(input.Now) {
		input.Around = v.Surroundings.read(ctx, patch)
	}
	return input
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
