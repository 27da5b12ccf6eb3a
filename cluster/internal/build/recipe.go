// SPDX-License-Identifier: Apache-2.0

// Package build compiles every binary of the cluster from this module's go.mod into a cache outside the repository.
package build

import (
	"fmt"
	"slices"
	"strings"
)

// kubernetesVersion is stamped into the Kubernetes binaries and into Helm; charts and clients compare against it.
const kubernetesVersion = "v1.37.1"

// Target says what the binaries are wanted for.
type Target string

const (
	// ForEnvtest is the API server and etcd alone.
	ForEnvtest Target = "envtest"
	// ForCluster is everything.
	ForCluster Target = "cluster"
)

// ParseTarget reads a target by name.
func ParseTarget(s string) (Target, error) {
	if t := Target(s); t == ForEnvtest || t == ForCluster {
		return t, nil
	}
	return "", fmt.Errorf("unknown build target %q: use %q or %q", s, ForEnvtest, ForCluster)
}

// binary is one program to compile.
type binary struct {
	// name is its path below the bin directory.
	name string
	// pkg is its import path, or a path of this module that starts with "./".
	pkg string
	// links are further names that lead to it.
	links []string
	// cgo and tags are for runc, whose seccomp support needs libseccomp.
	cgo  bool
	tags string
	// stamp names the variables that hold the Kubernetes version, given its major and minor; nil for none.
	stamp func(major, minor string) []string
	// envtest marks what ForEnvtest needs.
	envtest bool
}

// binaries in the order in which they are built: what envtest needs comes first.
var binaries = []binary{
	{name: "etcd", pkg: "go.etcd.io/etcd/server/v3", envtest: true},
	{name: "hyper", pkg: "./cmd/hyper", stamp: kubernetesStamp, envtest: true, links: []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}},
	{name: "containerd", pkg: "github.com/containerd/containerd/v2/cmd/containerd"},
	{name: "containerd-shim-runc-v2", pkg: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
	{name: "runc", pkg: "github.com/opencontainers/runc", cgo: true, tags: "seccomp"},
	{name: "cni/bridge", pkg: "github.com/containernetworking/plugins/plugins/main/bridge"},
	{name: "cni/host-local", pkg: "github.com/containernetworking/plugins/plugins/ipam/host-local"},
	{name: "cni/loopback", pkg: "github.com/containernetworking/plugins/plugins/main/loopback"},
	{name: "cni/portmap", pkg: "github.com/containernetworking/plugins/plugins/meta/portmap"},
	{name: "kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok"},
	{name: "helm", pkg: "helm.sh/helm/v3/cmd/helm", stamp: helmStamp},
	{name: "coredns", pkg: "./cmd/dns"},
	{name: "pause", pkg: "./cmd/pause"},
	{name: "testapp", pkg: "./cmd/testapp"},
}

// wanted returns the binaries of a target.
func wanted(t Target) []binary {
	if t == ForCluster {
		return binaries
	}
	return slices.DeleteFunc(slices.Clone(binaries), func(b binary) bool { return !b.envtest })
}

// args are the arguments of `go build` that write the binary to a path. Paths are trimmed and nothing of the checkout
// gets in, so every checkout on a machine shares one build cache.
func (b binary) args(output string) []string {
	args := []string{"build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=" + b.ldflags()}
	if b.tags != "" {
		args = append(args, "-tags="+b.tags)
	}
	return append(args, "-o", output, b.pkg)
}

func (b binary) ldflags() string {
	flags := []string{"-s", "-w"}
	if b.stamp != nil {
		parts := strings.Split(strings.TrimPrefix(kubernetesVersion, "v"), ".")
		for _, assignment := range b.stamp(parts[0], parts[1]) {
			flags = append(flags, "-X "+assignment)
		}
	}
	return strings.Join(flags, " ")
}

// kubernetesStamp is what Kubernetes' own programs say that they are.
func kubernetesStamp(major, minor string) []string {
	var out []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		out = append(out, pkg+".gitVersion="+kubernetesVersion, pkg+".gitMajor="+major, pkg+".gitMinor="+minor, pkg+".gitTreeState=clean")
	}
	return out
}

// helmStamp is the Kubernetes that helm template and helm lint render for without a cluster. Helm's sources say 1.20,
// for which no chart of today is.
func helmStamp(major, minor string) []string {
	var out []string
	for _, pkg := range []string{"helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"} {
		out = append(out, pkg+".k8sVersionMajor="+major, pkg+".k8sVersionMinor="+minor)
	}
	return out
}

// env are the environment variables that the build depends on, on top of the caller's.
func (b binary) env() []string {
	cgo := "CGO_ENABLED=0"
	if b.cgo {
		cgo = "CGO_ENABLED=1"
	}
	return []string{cgo, "GOFLAGS=", "GOWORK=off"}
}
