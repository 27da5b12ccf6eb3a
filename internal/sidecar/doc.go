// SPDX-License-Identifier: Apache-2.0

// Package sidecar is what a SidecarSet means for a Pod: which Pods it matches, what it injects into a new one, how it
// finds that a running one is up to date, and what has to change in one that is not.
//
// The webhook that injects and the operator that rolls both use it, so they cannot disagree. It is pure: no client, no
// context, no clock. Everything is told through arguments, and nothing that is passed in is modified unless the method
// says so.
//
//	SidecarSet --Compile--> Set --Index--> candidates for a Pod
//	                         |
//	                         +--Inject--> Injection      (new Pod, webhook)
//	                         +--NewView-> View           (running Pod, operator)
//	                         +--Update--> inplace.Change (running Pod, operator)
//
// The names of its files say which of three parts they belong to. The second and the third use the first, and not each
// other; only what patchPodMetadata writes is the same for new and for running Pods (inject_metadata.go).
//
//	set_*      the set itself: defaults, hashes, versions and how they differ, its containers, the index of all sets,
//	           and what Pods record of sets: set_records.go has the formats, set_pod.go reads those of a Pod
//	inject*    the injection into a new Pod: inject.go is the order of steps, inject_choose.go says which sets may,
//	           inject_strict.go what is different where injection is enforced
//	running_*  the running Pod: running_view.go reads it, running_update.go and running_hot.go say what to change,
//	           running_blame.go whether the set keeps it from serving
package sidecar
