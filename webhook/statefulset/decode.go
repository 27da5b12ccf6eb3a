// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// bound returns the JSON of a StatefulSet with every quantity in bounds, and what is wrong with those that were not.
// Only such JSON may be decoded.
func bound(raw []byte) ([]byte, field.ErrorList, error) {
	raw, faults, err := quantity.Bound(raw, &v1beta1.StatefulSet{})
	if err != nil {
		return nil, nil, fmt.Errorf("the request's object is not a StatefulSet: %w", err)
	}
	return raw, faults, nil
}

// decode reads a StatefulSet of either version: they share one schema.
func decode(bounded []byte) (*v1beta1.StatefulSet, error) {
	set := &v1beta1.StatefulSet{}
	if err := json.Unmarshal(bounded, set); err != nil {
		return nil, fmt.Errorf("the request's object is not a StatefulSet: %w", err)
	}
	return set, nil
}

// unknownFields names the fields of the templates of a StatefulSet that this program does not know.
func unknownFields(bounded []byte) []string {
	return inert.UnknownFields(bounded, &v1beta1.StatefulSet{}, "spec.template.", "spec.volumeClaimTemplates[")
}

// decodeMetadata reads what a deletion is judged by, which is there in an object that cannot be decoded as a whole too.
func decodeMetadata(raw []byte) (*v1beta1.StatefulSet, error) {
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Replicas *int32 `json:"replicas"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("the request's object is not a StatefulSet: %w", err)
	}
	return &v1beta1.StatefulSet{ObjectMeta: object.Metadata, Spec: v1beta1.StatefulSetSpec{Replicas: object.Spec.Replicas}}, nil
}

// checkKind refuses what is no StatefulSet of ours, and says whose fault that is.
func checkKind(request admission.Request) error {
	switch kind := request.Kind; {
	case kind.Group == v1beta1.GroupVersion.Group && kind.Kind == "StatefulSet":
		return nil
	case kind.Kind == "":
		return errors.New("the body is not an AdmissionReview of a StatefulSet: its request.kind is missing")
	default:
		return fmt.Errorf("%s is served for StatefulSets of %s, not for %s: correct the rules of the webhook configuration",
			ValidatePath, v1beta1.GroupVersion.Group, schema.GroupKind{Group: kind.Group, Kind: kind.Kind})
	}
}
