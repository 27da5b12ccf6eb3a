// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"
	appsv1 "k8s.io/api/apps/v1"
)

// TestThisVersionUpgradesTheLastRelease compares what an upgrade cannot change: the selector of a Deployment is
// immutable, and an object of another name would be made beside the old one, whose Pods would go on working.
func TestThisVersionUpgradesTheLastRelease(t *testing.T) {
	archives, err := filepath.Glob("../testdata/charts/windlass-*.tgz")
	if err != nil || len(archives) != 1 {
		t.Fatalf("archives of the last release: %v, %v; want one", archives, err)
	}
	last, err := loader.Load(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	before, err := renderChart(t, last, renderOptions{release: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	after, err := render(t, renderOptions{release: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(selectorsOf(before), selectorsOf(after)); diff != "" {
		t.Errorf("selectors of the Deployments (-%s +this version):\n%s", last.Metadata.Version, diff)
	}
}

func selectorsOf(r *rendered) map[string]map[string]string {
	selectors := map[string]map[string]string{}
	for _, deployment := range all[*appsv1.Deployment](r) {
		selectors[deployment.Name] = deployment.Spec.Selector.MatchLabels
	}
	return selectors
}
