// SPDX-License-Identifier: Apache-2.0

package framework

import "time"

// How long tests wait. Nothing here is promised to anybody: a wait ends when what it is for has happened, so that a
// test which passes takes no longer with more patience. Machines that run these tests are at times many times slower
// than they should be, and that must fail none of them. What is promised about time is held by the times that the API
// server and kubelets have recorded, or by the order of what happened.
const (
	// Patience is how long anything may take that has to happen.
	Patience = 5 * time.Minute
	// SpecPatience is how long one spec may take, or what is done before and after it, until it counts as hung.
	SpecPatience = 20 * time.Minute
)
