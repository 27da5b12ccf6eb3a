// SPDX-License-Identifier: Apache-2.0

package admit

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// Decoded is an object as a request has it.
type Decoded[T any] struct {
	Object *T
	// JSON is what it was decoded from: that of the request with every quantity in bounds. Only such JSON may be
	// decoded, for some quantities cost more memory than there is.
	JSON []byte
	// OutOfBounds says what is wrong with the quantities that were replaced.
	OutOfBounds field.ErrorList
}

// Decode reads the object of a request. All versions of a kind share one schema.
func (k Kind[T]) Decode(raw []byte) (Decoded[T], error) {
	return k.decode(raw, "object")
}

func (k Kind[T]) decode(raw []byte, which string) (out Decoded[T], err error) {
	object := new(T)
	if out.JSON, out.OutOfBounds, err = quantity.Bound(raw, object); err == nil {
		err = json.Unmarshal(out.JSON, object)
	}
	if err != nil {
		return Decoded[T]{}, fmt.Errorf("the request's %s is not a %s: %w", which, k.Kind, err)
	}
	out.Object = object
	return out, nil
}

// decodeWrite reads both objects of a request, and what is wrong with the quantities that it takes out of bounds.
func (k Kind[T]) decodeWrite(request admission.Request) (Write[T], field.ErrorList, error) {
	now, err := k.Decode(request.Object.Raw)
	if err != nil || len(request.OldObject.Raw) == 0 {
		return Write[T]{Object: now.Object, JSON: now.JSON, Version: request.Kind.Version}, now.OutOfBounds, err
	}
	old, err := k.decode(request.OldObject.Raw, "old object")
	if err != nil && json.Unmarshal(request.OldObject.Raw, new(any)) == nil {
		// It is stored, though no such object. Whoever mends it must not be refused because of what it was.
		err = nil
	}
	write := Write[T]{Object: now.Object, Old: old.Object, JSON: now.JSON, Version: request.Kind.Version}
	return write, quantity.Brought(now.OutOfBounds, old.OutOfBounds), err
}

// IsLeaving reports whether an object is on its way out, also where it cannot be decoded as a whole. Nothing may keep
// its finalizers from being removed.
func IsLeaving(raw []byte) bool { return metadataOf(raw).DeletionTimestamp != nil }

// metadataOf reads what all objects have, which is there also in one that cannot be decoded as a whole. Of what has no
// metadata it returns none; Decode says why.
func metadataOf(raw []byte) metav1.ObjectMeta {
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return metav1.ObjectMeta{}
	}
	return object.Metadata
}
