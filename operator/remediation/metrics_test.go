// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/testing/measured"
)

func TestASetThatIsGoneLeavesNoSeries(t *testing.T) {
	gone := types.NamespacedName{Namespace: "default", Name: "gone"}
	exclusions.Set(gone, 2)
	if len(measured.About(t, gone.Name)) != 1 {
		t.Fatal("it never had one")
	}
	(&Remediator{recorder: newRecorder(&heard{})}).Forget(gone)
	if left := measured.About(t, gone.Name); len(left) > 0 {
		t.Errorf("series are left in %v", left)
	}
}
