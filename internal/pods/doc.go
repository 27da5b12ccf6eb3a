// SPDX-License-Identifier: Apache-2.0

// Package pods reads a Pod: its containers and conditions by name, whether it lives, and in words what it shows of
// itself: why it, or one of its containers, does not run or serve, and why it has not gone yet. Every controller uses
// the same words. It is pure, and reads nothing of a Pod that package podcache drops.
//
// The words hold still: they name no instant and no span of time, so that a status that quotes them is not written anew
// every second. They are for one line; none is longer than a few hundred bytes.
package pods
