// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/capabilities"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/dropped"
)

// ValidatePath is where the handler is served.
const ValidatePath = "/validate-apps-kruise-io-statefulset"

// resource is how kubectl is told which StatefulSets are meant.
const resource = "statefulsets.apps.kruise.io"

// served are the objects that the handler is served for.
var served = admit.Kind[v1beta1.StatefulSet]{
	GroupKind: v1beta1.GroupVersion.WithKind("StatefulSet").GroupKind(),
	Plural:    "StatefulSets of " + v1beta1.GroupVersion.Group,
	Paths:     []string{ValidatePath},
}

// Config is what a Validator asks.
type Config struct {
	// StorageClasses reads StorageClasses, from a cache.
	StorageClasses client.Reader
	// Namespaces reads a Namespace from the API server: whether it is being deleted must not be older than the
	// deletion.
	Namespaces client.Reader
	// CanResize reports whether the cluster changes cpu and memory of running Pods.
	CanResize func(ctx context.Context) (bool, error)
}

// Validator refuses StatefulSets that could not work, changes that could not be carried out, and the deletion of
// protected ones.
type Validator struct{ Config }

// NewValidator returns a Validator. To Kubernetes' validation it allows privileged containers: that is a cluster's
// policy, not a question of validity.
func NewValidator(config Config) *Validator {
	capabilities.Setup(true, 0)
	return &Validator{config}
}

// Handle answers one request.
func (v *Validator) Handle(ctx context.Context, request admission.Request) admission.Response {
	if request.Operation == admissionv1.Delete {
		return v.handleDelete(ctx, request)
	}
	return served.Answer(request, func(write admit.Write[v1beta1.StatefulSet]) (admit.Result, error) {
		input, err := v.gather(ctx, write)
		if err != nil {
			return admit.Result{}, err
		}
		return Validate(input), nil
	})
}

// gather reads everything that the validation needs.
func (v *Validator) gather(ctx context.Context, write admit.Write[v1beta1.StatefulSet]) (Input, error) {
	input := Input{
		Set: write.Object, Old: write.Old, Unknown: unknownFields(write.JSON),
		Dropped: dropped.FromStatefulSet(write.Version, write.JSON, write.Old),
	}
	if len(input.Set.Spec.VolumeClaimTemplates) > 0 {
		list := &storagev1.StorageClassList{}
		if err := v.StorageClasses.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return input, fmt.Errorf("read the StorageClasses: %w", err)
		}
		input.Classes = list.Items
	}
	if inPlaceOnly(&input.Set.Spec) && input.Old != nil {
		var err error
		if input.CanResize, err = v.CanResize(ctx); err != nil {
			return input, fmt.Errorf("ask whether the cluster resizes Pods: %w", err)
		}
	}
	return input, nil
}

func (v *Validator) handleDelete(ctx context.Context, request admission.Request) admission.Response {
	if err := served.Check(request.Kind); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	set, err := decodeDeleted(request.OldObject.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	protected := ValidateDelete(set)
	if protected == nil {
		return admission.Allowed("")
	}
	gone, err := v.isLeaving(ctx, set.Namespace)
	switch {
	case err != nil:
		return admission.Errored(http.StatusInternalServerError, err)
	case gone:
		return admission.Allowed("its namespace is being deleted")
	}
	return admit.Denied(apierrors.NewForbidden(schema.ParseGroupResource(resource), set.Name, protected))
}

// isLeaving reports whether a namespace is being deleted. That cannot be undone, and takes the Pods and claims along
// whatever is said of the StatefulSet: to refuse would protect nothing and leave the namespace half deleted.
func (v *Validator) isLeaving(ctx context.Context, name string) (bool, error) {
	namespace := &corev1.Namespace{}
	if err := v.Namespaces.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, fmt.Errorf("read namespace %s of the protected StatefulSet: %w", name, err)
	}
	return namespace.DeletionTimestamp != nil, nil
}
