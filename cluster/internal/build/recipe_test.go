// SPDX-License-Identifier: Apache-2.0

package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWanted(t *testing.T) {
	tests := map[string]struct {
		target Target
		want   []string
	}{
		"envtest needs etcd and the API server": {target: ForEnvtest, want: []string{"etcd", "hyper"}},
		"a cluster needs everything": {target: ForCluster, want: []string{"etcd", "hyper", "containerd", "containerd-shim-runc-v2",
			"runc", "cni/bridge", "cni/host-local", "cni/loopback", "cni/portmap", "kwok", "helm", "coredns", "pause", "testapp"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range wanted(test.target) {
				got = append(got, b.name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("binaries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuildArguments(t *testing.T) {
	tests := map[string]struct {
		binary binary
		want   string
	}{
		"a plain program": {binary: binary{name: "pause", pkg: "./cmd/pause"},
			want: "build -mod=readonly -buildvcs=false -trimpath -ldflags=-s -w -o out ./cmd/pause"},
		"tags are passed on": {binary: binary{name: "runc", pkg: "runc", tags: "seccomp"},
			want: "build -mod=readonly -buildvcs=false -trimpath -ldflags=-s -w -tags=seccomp -o out runc"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, strings.Join(test.binary.args("out"), " ")); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramsAreStampedWithTheVersionOfKubernetes(t *testing.T) {
	want := map[string][]string{
		"hyper": {"k8s.io/component-base/version.gitVersion=" + kubernetesVersion, "k8s.io/client-go/pkg/version.gitMajor=1",
			"k8s.io/client-go/pkg/version.gitMinor=37"},
		"helm": {"helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1", "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37",
			"helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=37"},
	}
	for _, b := range binaries {
		got := strings.Split(b.ldflags(), " -X ")
		for _, assignment := range want[b.name] {
			if !slices.Contains(got, assignment) {
				t.Errorf("%s: linker flags %q do not contain %q", b.name, got, assignment)
			}
		}
		if len(want[b.name]) == 0 && len(got) > 1 {
			t.Errorf("%s is stamped: %q", b.name, got)
		}
	}
}

func TestParseTarget(t *testing.T) {
	tests := map[string]struct {
		text   string
		want   Target
		wantOK bool
	}{
		"cluster":             {text: "cluster", want: ForCluster, wantOK: true},
		"envtest":             {text: "envtest", want: ForEnvtest, wantOK: true},
		"anything else fails": {text: "all"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseTarget(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != test.wantOK {
				t.Errorf("error %v, target (-want +got):\n%s", err, diff)
			}
		})
	}
}
