// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/e2e/framework"
)

// TestFlagsOfMakeDemo passes what hack/demo.sh does.
func TestFlagsOfMakeDemo(t *testing.T) {
	want := framework.Options{Kubeconfig: "k", Registry: "r", Cluster: "demo", Chart: "c", Image: "i", Namespace: "windlass-system"}
	got := parse(flag.NewFlagSet("demo", flag.PanicOnError), []string{"-kubeconfig", "k", "-registry", "r", "-cluster", "demo", "-chart", "c", "-image", "i"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}
