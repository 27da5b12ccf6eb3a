// SPDX-License-Identifier: Apache-2.0

package build

import (
	"fmt"
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/images"
)

// The images that the cluster runs from the start, and those that its users' tests run.
const (
	PauseImage   = "registry.k8s.io/pause:windlass"
	CoreDNSImage = "registry.k8s.io/coredns/coredns:windlass"
	AppImage     = "ghcr.io/windlass-operator/testapp"
	SidecarImage = "ghcr.io/windlass-operator/testsidecar"
)

// testVersions are the tags of the test images. Each has content of its own: two tags of equal content may be reported
// under each other's name by the container runtime.
var testVersions = []string{"v1", "v2", "v3"}

const unprivileged = "65532:65532"

// imageSpecs are the images made of the binaries in a bin directory.
func imageSpecs(binDir string) []images.Named {
	file := func(name string) []string { return []string{filepath.Join(binDir, name)} }
	specs := []images.Named{
		{Reference: PauseImage, Spec: images.Spec{Files: file("pause"), User: unprivileged}},
		{Reference: CoreDNSImage, Spec: images.Spec{Files: file("coredns")}},
	}
	for _, repository := range []string{AppImage, SidecarImage} {
		for _, version := range testVersions {
			reference := fmt.Sprintf("%s:%s", repository, version)
			specs = append(specs, images.Named{Reference: reference, Spec: images.Spec{
				Files: file("testapp"), Env: []string{"APP_VERSION=" + version}, User: unprivileged, Marker: reference,
			}})
		}
	}
	return specs
}
