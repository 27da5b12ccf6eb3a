// SPDX-License-Identifier: Apache-2.0

// Package schedpatch is what a SchedPatch means for a Pod: whose Pods it is for, and what becomes of their scheduling
// rules.
//
// The webhook that patches new Pods and the operator that previews and counts both use it, so they cannot disagree. It
// is pure: no client, no context, no clock. Everything is told through arguments, and nothing that is passed in is
// modified.
//
//	SchedPatch --Compile--> Patch --Index--> patches for the Pods of an owner
//	                          |
//	                          +--Merge--> Rules and one Result for each patch
//	                          +--Marks--> annotation and labels of a patched Pod
package schedpatch
