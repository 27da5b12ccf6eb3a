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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/capabilities"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// ValidatePath is where the handler is served.
const ValidatePath = "/validate-apps-kruise-io-statefulset"

// resource is how kubectl is told which StatefulSets are meant.
const resource = "statefulsets.apps.kruise.io"

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
	if err := checkKind(request); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if request.Operation == admissionv1.Delete {
		return v.handleDelete(ctx, request)
	}
	return v.handleWrite(ctx, request)
}

func (v *Validator) handleWrite(ctx context.Context, request admission.Request) admission.Response {
	leaving, err := decodeMetadata(request.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if leaving.DeletionTimestamp != nil {
		return admission.Allowed("on its way out") // nothing may keep finalizers from being removed
	}
	facts, err := v.gather(ctx, request)
	switch {
	case apierrors.IsBadRequest(err):
		return admission.Errored(http.StatusBadRequest, err)
	case err != nil:
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return answer(facts.Set, Judge(facts))
}

func answer(set *v1beta1.StatefulSet, verdict Verdict) admission.Response {
	response := admission.Allowed("")
	if len(verdict.Errors) > 0 {
		invalid := apierrors.NewInvalid(v1beta1.GroupVersion.WithKind("StatefulSet").GroupKind(), set.Name, verdict.Errors)
		response = denied(&invalid.ErrStatus)
	}
	response.Warnings = verdict.Warnings
	return response
}

// denied refuses with a status, whose causes name each field.
func denied(status *metav1.Status) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: status}}
}

// gather reads everything that the judgement needs.
func (v *Validator) gather(ctx context.Context, request admission.Request) (Facts, error) {
	facts, err := decodeFacts(request)
	if err != nil {
		return facts, apierrors.NewBadRequest(err.Error())
	}
	if len(facts.Set.Spec.VolumeClaimTemplates) > 0 {
		list := &storagev1.StorageClassList{}
		if err := v.StorageClasses.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return facts, fmt.Errorf("read the StorageClasses: %w", err)
		}
		facts.Classes = list.Items
	}
	if inPlaceOnly(&facts.Set.Spec) && facts.Old != nil {
		if facts.CanResize, err = v.CanResize(ctx); err != nil {
			return facts, fmt.Errorf("ask whether the cluster resizes Pods: %w", err)
		}
	}
	return facts, nil
}

// decodeFacts reads what the request itself says.
func decodeFacts(request admission.Request) (Facts, error) {
	var facts Facts
	bounded, faults, err := bound(request.Object.Raw)
	if err != nil {
		return facts, err
	}
	if facts.Set, err = decode(bounded); err != nil {
		return facts, err
	}
	facts.Quantities, facts.Unknown = faults, unknownFields(bounded)
	if len(request.OldObject.Raw) == 0 {
		return facts, nil
	}
	// What cannot be decoded gives no measure: the set is judged like a new one.
	if bounded, faults, err := bound(request.OldObject.Raw); err == nil {
		facts.Old, _ = decode(bounded)
		facts.Quantities = quantity.Brought(facts.Quantities, faults)
	}
	return facts, nil
}

func (v *Validator) handleDelete(ctx context.Context, request admission.Request) admission.Response {
	set, err := decodeMetadata(request.OldObject.Raw)
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
	forbidden := apierrors.NewForbidden(schema.ParseGroupResource(resource), set.Name, protected)
	return denied(&forbidden.ErrStatus)
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
