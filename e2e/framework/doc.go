// SPDX-License-Identifier: Apache-2.0

// Package framework is what the end-to-end suites and the demo share: it reaches a cluster, installs the chart in it as
// a user would, makes workloads, waits for what they should become, and tells what it saw when they do not.
//
// Its functions return errors and assert nothing, so that a test and a program for people can both be written with
// them.
package framework
