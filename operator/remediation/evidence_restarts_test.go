// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Of a container that was made before only the last time is known, which is good enough to move its Pod, and not to
// delete its claim.
func TestOnlyAPodThatCannotHaveRunLosesItsClaim(t *testing.T) {
	for name, test := range map[string]struct {
		restarts int32
		want     outcome
	}{
		"made once":          {0, outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: "write"}},
		"made a second time": {1, outcome{Condition: "False StoragePinned"}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := waiting("web-1", "n1", build.Epoch.Add(-long), "CrashLoopBackOff", "")
			pod.Status.ContainerStatuses[0].RestartCount = test.restarts
			pod.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128}
			sc := newScene("n1", "n2").running("n2").put(pod).volume(localVolume("n1")).
				settings(func(a *v1beta1.AutoRemediation) { a.RecreateUnusedClaims = true }).with(func(s *Snapshot) { s.MayDeleteClaims = true })
			sc.snapshot.Details[pod.UID].Volumes[0].Claim.CreationTimestamp = pod.CreationTimestamp
			if diff := cmp.Diff(test.want, outcomeOf(sc.snapshot, decide(sc.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}
