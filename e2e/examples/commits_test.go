// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	manifests  = "../../examples/manifests"
	production = "overlays/production"
	staging    = "overlays/staging"
)

// TestOneLineCommits changes one line of a file, and nothing but the field that is meant may change in the cluster.
func TestOneLineCommits(t *testing.T) {
	const platform, shop = production + "/platform/kustomization.yaml", production + "/shop/kustomization.yaml"
	tests := map[string]struct {
		file, from, to string
		want           []string
	}{
		"a new sidecar image": {
			file: platform, from: "newTag: 1.28.0-alpine", to: "newTag: 1.29.0-alpine",
			want: []string{`SidecarSet gateway-production: spec.containers[0].image: "docker.io/nginxinc/nginx-unprivileged:1.28.0-alpine" -> "docker.io/nginxinc/nginx-unprivileged:1.29.0-alpine"`},
		},
		"a new application image": {
			file: shop, from: "newTag: 6.9.0", to: "newTag: 6.9.1",
			want: []string{`StatefulSet ledger: spec.template.spec.containers[0].image: "ghcr.io/stefanprodan/podinfo:6.9.0" -> "ghcr.io/stefanprodan/podinfo:6.9.1"`},
		},
		"the rollout of the sidecars is paused": {
			file: platform, from: "paused, value: false", to: "paused, value: true",
			want: []string{`SidecarSet gateway-production: spec.updateStrategy.paused: false -> true`},
		},
		"the rollout of the application is paused": {
			file: shop, from: "paused, value: false", to: "paused, value: true",
			want: []string{`StatefulSet ledger: spec.updateStrategy.rollingUpdate.paused: false -> true`},
		},
		"a canary of one Pod": {
			file: shop, from: "partition, value: 0", to: "partition, value: 2",
			want: []string{`StatefulSet ledger: spec.updateStrategy.rollingUpdate.partition: 0 -> 2`},
		},
		"more replicas": {
			file: shop, from: "count: 3", to: "count: 5",
			want: []string{`StatefulSet ledger: spec.replicas: 3 -> 5`},
		},
	}
	readme := readFile(t, repository+"/examples/README.md")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(readme, test.to) {
				t.Errorf("the README does not tell people to commit %q", test.to)
			}
			tree := load(t)
			before := build(t, tree, production)
			if err := tree.EditLine(test.file, test.from, test.to); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, DifferencesOfAll(before, build(t, tree, production))); diff != "" {
				t.Errorf("the commit changes other fields (-want +got):\n%s", diff)
			}
		})
	}
}

func load(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(manifests)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func build(t *testing.T, tree *Tree, path string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := tree.Build(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return objects
}
