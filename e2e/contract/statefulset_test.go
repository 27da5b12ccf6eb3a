// SPDX-License-Identifier: Apache-2.0

package contract

import "testing"

// The faults of the script that Argo CD brings along for StatefulSets. Users meet them until they configure the script
// of examples/argocd.
const (
	// degradesRollouts: a set is Degraded as soon as one of its Pods is not at the update revision and available, so in
	// every start, rollout and scaling. That fails a sync of several waves.
	degradesRollouts = "rule 6: Degraded while any Pod is not updated and available"
	// neverAtPartition: a canary that rests exactly at its partition is Progressing for ever.
	neverAtPartition = "rule 4: compares with > where it should with >="
	// suspendsComplete: a set that has nothing to update waits for a person, only because there is a partition.
	suspendsComplete = "rule 4: Suspended by a partition that keeps no Pod"
	// degradesOnDelete: a set that rests until somebody deletes its Pods is Degraded.
	degradesOnDelete = "rule 6: knows no OnDelete"
	// trustsNoPods: a set of which no Pod could be made is Healthy.
	trustsNoPods = "rule 5: compares with status.replicas, where it should with spec.replicas"
	// ignoresConditions: a set that cannot go on is Healthy or Suspended.
	ignoresConditions = "no rule: reads no condition"
)

var statefulSetReadings = map[string]readings{
	"unseen":                        {"InProgress", Progressing, Progressing, ""},
	"starting":                      {"InProgress", Degraded, Progressing, degradesRollouts},
	"starting-in-parallel":          {"InProgress", Degraded, Progressing, degradesRollouts},
	"started-in-part":               {"InProgress", Degraded, Progressing, degradesRollouts},
	"started-and-not-yet-available": {"InProgress", Degraded, Progressing, degradesRollouts},
	"cannot-be-created":             {"InProgress", Healthy, Progressing, trustsNoPods},
	"new-and-complete":              {"Current", Healthy, Healthy, ""},

	"changed-and-not-yet-seen": {"InProgress", Progressing, Progressing, ""},
	"rolling-first-Pod":        {"InProgress", Degraded, Progressing, degradesRollouts},
	"rolling":                  {"InProgress", Degraded, Progressing, degradesRollouts},
	"rolling-in-place":         {"InProgress", Degraded, Progressing, degradesRollouts},
	"rolling-last-Pod":         {"InProgress", Degraded, Progressing, degradesRollouts},
	"complete":                 {"Current", Healthy, Healthy, ""},
	"restarted":                {"Current", Healthy, Healthy, ""},

	"scaling-up":        {"InProgress", Degraded, Progressing, degradesRollouts},
	"scaling-down":      {"InProgress", Degraded, Progressing, degradesRollouts},
	"scaled-to-nothing": {"Current", Healthy, Healthy, ""},

	"pausing":                       {"InProgress", Suspended, Progressing, ignoresConditions},
	"paused":                        {"Current", Suspended, Suspended, ""},
	"paused-with-nothing-to-update": {"Current", Suspended, Suspended, ""},
	"paused-with-a-broken-Pod":      {"Failed", Suspended, Degraded, ignoresConditions},

	"rolling-to-the-partition":            {"InProgress", Progressing, Progressing, ""},
	"at-partition":                        {"Current", Progressing, Suspended, neverAtPartition},
	"at-partition-that-lets-none-through": {"Current", Progressing, Suspended, neverAtPartition},
	"partition-of-a-complete-set":         {"Current", Suspended, Healthy, suspendsComplete},
	"partition-lowered":                   {"Current", Healthy, Healthy, ""},

	"on-delete":          {"Current", Degraded, Healthy, degradesOnDelete},
	"on-delete-complete": {"Current", Healthy, Healthy, ""},

	"a-Pod-fails-at-rest":    {"InProgress", Degraded, Progressing, degradesRollouts},
	"cannot-pull":            {"InProgress", Degraded, Progressing, degradesRollouts},
	"deadline-exceeded":      {"Failed", Degraded, Degraded, ""},
	"not-upgradable":         {"Failed", Degraded, Degraded, ""},
	"invalid":                {"Failed", Healthy, Degraded, ignoresConditions},
	"invalid-from-the-start": {"Failed", Healthy, Degraded, ignoresConditions},

	"remediating":       {"InProgress", Degraded, Progressing, degradesRollouts},
	"remediation-waits": {"InProgress", Degraded, Progressing, degradesRollouts},
	"remediated":        {"Current", Healthy, Healthy, ""},
	"all-nodes-failing": {"Failed", Degraded, Degraded, ""},

	"being-deleted": {"Terminating", Progressing, Progressing, ""},
}

// A set whose status OpenKruise wrote last has no condition Ready. Our script goes by its counters then, and sees more
// than Argo CD's own does in the objects that the latter is tested on.
func TestStatusesOfOpenKruise(t *testing.T) {
	script := healthScript(t, Own(root, "StatefulSet"))
	for file, want := range map[string]string{
		"healthy":             Healthy,
		"degraded":            Progressing,
		"suspended":           Suspended,
		"partition_suspended": Suspended,
		"unknown":             Progressing,
	} {
		t.Run(file, func(t *testing.T) {
			object := readObject(t, builtin(t, "StatefulSet")+"/testdata/"+file+".yaml")
			if got := CheckHealth(script, object); got.Status != want {
				t.Errorf("%+v, want %s", got, want)
			}
		})
	}
}
