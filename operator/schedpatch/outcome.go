// SPDX-License-Identifier: Apache-2.0

package schedpatch

// Outcome is what became of a plan.
type Outcome struct {
	// Deleted: the SchedPatch is no more.
	Deleted bool
	// Stale: the SchedPatch was not what the snapshot said, so that nothing was done.
	Stale bool
	// Err is why what was planned could not be done.
	Err error
}
