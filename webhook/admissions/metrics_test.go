// SPDX-License-Identifier: Apache-2.0

package admissions

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/testing/measured"
	"github.com/windlass-operator/windlass/webhook/admit"
)

func TestAnswersAreCountedByOutcome(t *testing.T) {
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "SidecarSet"}, "s", nil)
	for outcome, answer := range map[string]admission.Response{
		"Allowed":   admission.Allowed("nothing to do"),
		"Changed":   admission.Patched("", jsonpatch.NewOperation("add", "/a", "b")),
		"Denied":    admit.Denied(invalid),
		"Malformed": admission.Errored(http.StatusBadRequest, errors.New("no Pod")),
		"Failed":    admission.Errored(http.StatusInternalServerError, errors.New("no namespace")),
	} {
		t.Run(outcome, func(t *testing.T) {
			path := "/counted-" + outcome
			handler := Counted(path, admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return answer }))
			if diff := cmp.Diff(answer, handler.Handle(t.Context(), admission.Request{})); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			all := measured.Series(t, "windlass_webhook_admissions_total")
			for _, each := range outcomes {
				want := 0.0
				if each == outcome {
					want = 1
				}
				if got, there := all[`outcome="`+each+`",webhook="`+path+`"`]; got != want || !there {
					t.Errorf("%s: %g (there: %t), want %g", each, got, there, want)
				}
			}
		})
	}
}
