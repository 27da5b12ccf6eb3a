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
//	                         +--Inject--> Injection (new Pod, webhook)
//	                         +--NewView-> View      (running Pod, operator)
//	                         +--Update--> Change    (running Pod, operator)
package sidecar
