// SPDX-License-Identifier: Apache-2.0

// Package walk follows objects of our kinds on a real API server, version by version, while the operator brings about
// what they ask for. At no version may a tool take an object for done that is not, see package contract.
package walk
