package apply

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestInvalidWithACauseIsARefusalNotStaleness(t *testing.T) {
	err := &apierrors.StatusError{ErrStatus: metav1.Status{
		Reason:  metav1.StatusReasonInvalid,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "spec.containers[0].image"}}},
	}}
	if IsStale(err) {
		t.Error("an invalid field would be tried again for ever without a word")
	}
}
