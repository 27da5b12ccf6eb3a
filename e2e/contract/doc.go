// SPDX-License-Identifier: Apache-2.0

// Package contract reads objects of our kinds as the tools do that deploy them: kstatus, on which Flux and others wait,
// and Argo CD with its health scripts and actions, those that it brings along and those of examples/argocd.
//
// The objects that its tests read lie in operator/*/testdata/phases. The code that writes statuses made them, one for
// each phase of a kind's life.
package contract
