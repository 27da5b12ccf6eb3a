// SPDX-License-Identifier: Apache-2.0

// Package sidecarset is the admission of SidecarSets. What can be said of one object alone, as defaults and ranges, the
// CRD's schema says too, which holds also while the webhook is away; here is the rest: conflicts with other sets,
// canaries, the administrator's policy.
package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/jsonpointer"
	"github.com/windlass-operator/windlass/internal/quantity"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// Paths where the handlers are served.
const (
	MutatePath   = "/mutate-apps-kruise-io-sidecarset"
	ValidatePath = "/validate-apps-kruise-io-sidecarset"
)

// Defaulter writes the hash annotations, which clients compare with those of Pods. It changes nothing else: a default
// written into a stored list reads as drift to tools that sync from Git.
type Defaulter struct{}

// Handle answers one request.
func (Defaulter) Handle(_ context.Context, request admission.Request) admission.Response {
	object, faults, err := decode(request)
	switch {
	case err != nil:
		return admission.Errored(http.StatusBadRequest, err)
	case len(faults) > 0:
		return admission.Allowed("") // the validating webhook says what is wrong
	}
	set, err := sidecar.Compile(object)
	if err != nil {
		return admission.Allowed("") // the validating webhook says what is wrong
	}
	return admission.Patched("", hashPatch(set)...)
}

func hashPatch(set *sidecar.Set) []jsonpatch.Operation {
	hashes := map[string]string{
		v1beta1.SidecarSetHashAnnotation:             set.Hashes.Full,
		v1beta1.SidecarSetHashWithoutImageAnnotation: set.Hashes.WithoutImage,
	}
	if set.Object.Annotations == nil {
		return []jsonpatch.Operation{jsonpatch.NewOperation("add", "/metadata/annotations", hashes)}
	}
	var out []jsonpatch.Operation
	for key, hash := range hashes {
		if set.Object.Annotations[key] != hash {
			out = append(out, jsonpatch.NewOperation("add", jsonpointer.Path("metadata", "annotations", key), hash))
		}
	}
	return out
}

// decode reads a SidecarSet of either version: they share one schema. Quantities out of bounds are capped, and what is
// wrong with them returned.
func decode(request admission.Request) (*v1beta1.SidecarSet, field.ErrorList, error) {
	if err := checkKind(request.Kind); err != nil {
		return nil, nil, err
	}
	object, faults, err := decodeRaw(request.Object.Raw)
	if err != nil {
		return nil, nil, fmt.Errorf("the request's object is not a SidecarSet: %w", err)
	}
	return object, faults, nil
}

func decodeRaw(raw []byte) (*v1beta1.SidecarSet, field.ErrorList, error) {
	object := &v1beta1.SidecarSet{}
	raw, faults, err := quantity.Bound(raw, object)
	if err != nil {
		return nil, nil, err
	}
	return object, faults, json.Unmarshal(raw, object)
}

// unknownFields names the fields of containers and volumes that this program does not know.
func unknownFields(raw []byte) []string {
	bounded, _, err := quantity.Bound(raw, &v1beta1.SidecarSet{})
	if err != nil {
		return nil
	}
	return inert.UnknownFields(bounded, &v1beta1.SidecarSet{}, "spec.containers[", "spec.initContainers[", "spec.volumes[")
}

// checkKind refuses what is no SidecarSet, and says whose fault that is.
func checkKind(kind metav1.GroupVersionKind) error {
	switch {
	case kind.Group == v1beta1.GroupVersion.Group && kind.Kind == "SidecarSet":
		return nil
	case kind.Kind == "":
		return errors.New("the body is not an AdmissionReview of a SidecarSet: its request.kind is missing")
	default:
		return fmt.Errorf("%s and %s are served for SidecarSets, not for %s: correct the rules of the webhook configuration",
			MutatePath, ValidatePath, schema.GroupKind{Group: kind.Group, Kind: kind.Kind})
	}
}

// decodeOld reads what a SidecarSet was before an update; nil when it is new.
func decodeOld(request admission.Request) (*v1beta1.SidecarSet, field.ErrorList, error) {
	if len(request.OldObject.Raw) == 0 {
		return nil, nil, nil
	}
	object, faults, err := decodeRaw(request.OldObject.Raw)
	if err != nil {
		return nil, nil, fmt.Errorf("the request's old object is not a SidecarSet: %w", err)
	}
	return object, faults, nil
}
