// SPDX-License-Identifier: Apache-2.0

// Package inplace decides what can change in a running Pod, what is written to change it, and when the kubelet has
// carried it out. It is pure. The Pods of a StatefulSet and those that a SidecarSet was injected into change alike, so
// both ask here.
//
//	two templates --Difference--> Change --Obstacles--> why this Pod cannot take it
//	                                |
//	                                +--Write--> Edits: a patch of the Pod, and one of its resize subresource
//	                                                      |
//	                              Finished, Resized, HeldResize, Unfinished: what the kubelet has made of it
//
// # What is decided here
//
// Every obstacle to changing a Pod in place is found in this package: fields that only a new Pod can have (Difference,
// OnlyAmounts), a Pod that lacks the container, cannot be resized or cannot be restarted (Change.Obstacles), a kubelet
// that is too old (NativeSidecarObstacle, ResizeVersionObstacle), an API server that does not resize (NoResize). What
// else one kind of set needs to know of its versions, as which containers a SidecarSet adds, it decides itself.
//
// # The records
//
// A change leaves a record in the Pod's annotations, so that whoever looks at the Pod later can see whether the kubelet
// has carried it out. There are two formats, and they stay apart, because both are those of OpenKruise and Pods that it
// changed must be understood:
//
//   - apps.kruise.io/inplace-update-state is of the Pod's StatefulSet: one record, State. It may say what is to be
//     written next. Begin and Pending write it.
//   - kruise.io/sidecarset-inplace-update-state has one record for each SidecarSet, since several may have injected into
//     the Pod. internal/sidecar writes it, beside the hashes that say which version of a set the Pod is at.
//
// Both identify what ran before by Replaced. Fields that are ours are written beside those of OpenKruise, which passes
// them over.
//
// # The order of writes
//
// New resources go through a subresource, so a change of image and resources is two writes. A StatefulSet's resize goes
// first and its record last: should the second write never be made, everything is done again, and nothing twice. A
// SidecarSet's record goes first and says that the resize is to follow: the hash that it writes with it says that the
// Pod is at the version, so the Pod has to be known for one that is not at its end.
package inplace
