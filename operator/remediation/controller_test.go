// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/testing/world"
)

// late is a writer for whom everything has just been changed by somebody else.
type late struct{ writer }

func (late) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "schedpatches"}, object.GetName())
}

// Who never comes to rest still says how it stands, so that no condition goes and comes back.
func TestWhoIsOvertakenSaysHowItStands(t *testing.T) {
	w := newSimulation(t, 1, "n1", "n2", "n3")
	w.Troubles["n1"] = world.NoPull
	w.add("web", 3)
	w.run(4 * time.Minute)
	w.operator.executor = executor{writer: late{}}
	w.run(2 * time.Minute)
	if diff := cmp.Diff(end{Ready: 2, Condition: "True NodeExcluded"}, w.end()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(time.Second, w.results["web"].RequeueAfter); diff != "" {
		t.Errorf("until the next look (-want +got):\n%s", diff)
	}
}
