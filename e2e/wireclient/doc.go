// SPDX-License-Identifier: Apache-2.0

// Package wireclient tests that the public Go client of OpenKruise (github.com/openkruise/kruise-api) can be used with
// Windlass unchanged: that no field of its types is lost on the way through our CRDs.
//
// Its tests need an API server. They start one from KUBEBUILDER_ASSETS, or use the one that the flag -kubeconfig names,
// where our CRDs must be installed:
//
//	go test ./wireclient
//	go test ./wireclient -args -kubeconfig=$HOME/.kube/config
package wireclient
