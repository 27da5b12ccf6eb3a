// SPDX-License-Identifier: Apache-2.0

// Package admit is what the admission of all kinds has in common: it makes sure that a request is of the kind that it
// is served for, reads the objects with every quantity in bounds, lets pass what is on its way out, and writes the
// answer. What may be written, the rooms of the kinds say. It is pure.
package admit

import (
	"fmt"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Kind is a kind of objects that handlers are served for. T is its Go type.
type Kind[T any] struct {
	schema.GroupKind
	// Plural is what messages call the objects, such as "Pods".
	Plural string
	// Paths are where the handlers are served.
	Paths []string
}

// Write is a request to store an object.
type Write[T any] struct {
	// Object is what is to be stored. Old is what is stored now: nil when there is nothing yet, or nothing that could
	// be decoded. Quantities that are stored out of bounds have others in their place.
	Object, Old *T
	// JSON is what Object was decoded from, and Version the version of its kind.
	JSON    []byte
	Version string
}

// Result is what the writer of an object is told.
type Result struct {
	// Errors refuse the object.
	Errors field.ErrorList
	// Warnings are said in either case.
	Warnings []string
}

// Check refuses a request that is of another kind, and says whose fault that is.
func (k Kind[T]) Check(kind metav1.GroupVersionKind) error {
	switch {
	case kind.Group == k.Group && kind.Kind == k.Kind:
		return nil
	case kind.Kind == "":
		return fmt.Errorf("the body is not an AdmissionReview of a %s: its request.kind is missing", k.Kind)
	}
	are := "is"
	if len(k.Paths) > 1 {
		are = "are"
	}
	return fmt.Errorf("%s %s served for %s, not for %s: correct the rules of the webhook configuration",
		strings.Join(k.Paths, " and "), are, k.Plural, schema.GroupKind{Group: kind.Group, Kind: kind.Kind})
}

// Answer answers a request to create or update an object. It calls validate with what the request says, unless the
// request can be answered without: one that is malformed with status 400, and one that brings quantities out of bounds
// with 422, both before anything is read for it. An error of validate is answered with status 500.
func (k Kind[T]) Answer(request admission.Request, validate func(Write[T]) (Result, error)) admission.Response {
	if err := k.Check(request.Kind); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if IsLeaving(request.Object.Raw) {
		return admission.Allowed("on its way out")
	}
	write, outOfBounds, err := k.decodeWrite(request)
	switch {
	case err != nil:
		return admission.Errored(http.StatusBadRequest, err)
	case len(outOfBounds) > 0:
		return k.Invalid(metadataOf(request.Object.Raw).Name, outOfBounds)
	}
	result, err := validate(write)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	response := admission.Allowed("")
	if len(result.Errors) > 0 {
		response = k.Invalid(metadataOf(request.Object.Raw).Name, result.Errors)
	}
	response.Warnings = result.Warnings
	return response
}

// Invalid refuses an object with status 422, whose causes name each field.
func (k Kind[T]) Invalid(name string, errs field.ErrorList) admission.Response {
	return Denied(apierrors.NewInvalid(k.GroupKind, name, errs))
}

// Denied refuses with the status of an error.
func Denied(err *apierrors.StatusError) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &err.ErrStatus}}
}
