// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
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

// statusWriter remembers the last patch of a status.
type statusWriter struct {
	client.SubResourceWriter
	patch string
}

func (w *statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	data, err := patch.Data(object)
	w.patch = string(data)
	return err
}

func TestTheFirstStatusIsWrittenWhole(t *testing.T) {
	before := &v1beta1.SidecarSet{}
	after := before.DeepCopy()
	after.Status.ObservedGeneration = 1
	for first, want := range map[bool]string{
		true:  `{"status":{"matchedPods":0,"observedGeneration":1,"readyPods":0,"uninjectedPods":0,"updatedPods":0,"updatedReadyPods":0}}`,
		false: `{"status":{"observedGeneration":1}}`,
	} {
		w := &statusWriter{}
		written, err := Status(t.Context(), w, before, after, first)
		if err != nil || !written || w.patch != want {
			t.Errorf("first %v: wrote %s (%v, %v), want %s", first, w.patch, written, err, want)
		}
	}
}

func TestARefusalThatIsAboutTheNode(t *testing.T) {
	refused := func(reason metav1.StatusReason, message string, causes ...metav1.CauseType) error {
		status := metav1.Status{Status: metav1.StatusFailure, Code: 403, Reason: reason, Message: message, Details: &metav1.StatusDetails{}}
		for _, cause := range causes {
			status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{Type: cause})
		}
		return Wrap(&apierrors.StatusError{ErrStatus: status}, "resize Pod a")
	}
	const words = `pods "a" is forbidden: node didn't have enough allocatable resources: memory, requested: 2, allocatable: 1`
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                       {nil, false},
		"more than the node has":        {refused(metav1.StatusReasonForbidden, words, "NodeCapacity"), true},
		"in other words":                {refused(metav1.StatusReasonForbidden, "it does not fit", "Other", "NodeCapacity"), true},
		"a system that resizes nothing": {refused(metav1.StatusReasonForbidden, "not on windows", "UnsupportedPlatform"), true},
		"the words alone":               {refused(metav1.StatusReasonForbidden, words), false},
		"a quota":                       {refused(metav1.StatusReasonForbidden, "exceeded quota"), false},
		"a fault of the Pod":            {refused(metav1.StatusReasonInvalid, "invalid", "NodeCapacity"), false},
		"somebody's webhook says the same": {
			refused(metav1.StatusReasonForbidden, `admission webhook "w.example.com" denied the request: no`, "NodeCapacity"), false,
		},
		"no answer": {errors.New("connection reset by peer"), false},
	} {
		if got := NodeCannot(test.err); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
