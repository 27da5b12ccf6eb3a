// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// eachContainer calls visit for all containers, then all init containers.
func eachContainer(spec *v1beta1.SidecarSetSpec, visit func(*v1beta1.SidecarContainer, *field.Path)) {
	for i := range spec.Containers {
		visit(&spec.Containers[i], field.NewPath("spec", "containers").Index(i))
	}
	for i := range spec.InitContainers {
		visit(&spec.InitContainers[i], field.NewPath("spec", "initContainers").Index(i))
	}
}

// validate looks at everything that is pulled: images of containers, of their idle twins in a hot upgrade, and of image
// volumes.
func (r Images) validate(spec *v1beta1.SidecarSetSpec) []finding {
	if len(r.Allowed) == 0 {
		return nil
	}
	var out []finding
	check := func(image string, path *field.Path) {
		if image != "" && !r.allows(image) {
			out = append(out, finding{path, fmt.Sprintf("image %q comes from elsewhere than what is allowed: %s", image, list(r.Allowed))})
		}
	}
	eachContainer(spec, func(c *v1beta1.SidecarContainer, path *field.Path) {
		check(c.Image, path.Child("image"))
		check(c.UpgradeStrategy.HotUpgradeEmptyImage, path.Child("upgradeStrategy", "hotUpgradeEmptyImage"))
	})
	for i := range spec.Volumes {
		if image := spec.Volumes[i].Image; image != nil {
			check(image.Reference, field.NewPath("spec", "volumes").Index(i).Child("image", "reference"))
		}
	}
	return out
}

// allows compares whole parts of names: ghcr.io/acme does not allow ghcr.io/acme-evil/x. Names are completed as
// container runtimes complete them: nginx is docker.io/library/nginx.
func (r Images) allows(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r.Allowed, func(allowed string) bool { return isBelow(named.Name(), allowed) })
}

func isBelow(name, parent string) bool {
	parent = strings.TrimSuffix(parent, "/")
	return name == parent || strings.HasPrefix(name, parent+"/")
}

func privileged(spec *v1beta1.SidecarSetSpec) []finding {
	var out []finding
	eachContainer(spec, func(c *v1beta1.SidecarContainer, path *field.Path) {
		path = path.Child("securityContext")
		if c.SecurityContext == nil {
			return
		}
		if isTrue(c.SecurityContext.Privileged) {
			out = append(out, finding{path.Child("privileged"), fmt.Sprintf("container %q is privileged: no sidecar may be", c.Name)})
		}
		if windows := c.SecurityContext.WindowsOptions; windows != nil && isTrue(windows.HostProcess) {
			out = append(out, finding{path.Child("windowsOptions", "hostProcess"),
				fmt.Sprintf("container %q runs on the host: no sidecar may", c.Name)})
		}
	})
	return out
}

func isTrue(b *bool) bool { return b != nil && *b }

func (r HostPaths) validate(spec *v1beta1.SidecarSetSpec) []finding {
	var out []finding
	for i := range spec.Volumes {
		volume := spec.Volumes[i].HostPath
		if volume == nil {
			continue
		}
		clean := path.Clean(volume.Path)
		if !slices.ContainsFunc(r.Allowed, func(allowed string) bool { return isBelow(clean, allowed) }) {
			out = append(out, finding{field.NewPath("spec", "volumes").Index(i).Child("hostPath"),
				fmt.Sprintf("path %q of the node is not among what is allowed: %s", volume.Path, list(r.Allowed))})
		}
	}
	return out
}

func hostPorts(spec *v1beta1.SidecarSetSpec) []finding {
	var out []finding
	eachContainer(spec, func(c *v1beta1.SidecarContainer, path *field.Path) {
		for i := range c.Ports {
			if port := c.Ports[i].HostPort; port != 0 {
				out = append(out, finding{path.Child("ports").Index(i).Child("hostPort"),
					fmt.Sprintf("container %q takes port %d of the node: no sidecar may", c.Name, port)})
			}
		}
	})
	return out
}

func (r Capabilities) validate(spec *v1beta1.SidecarSetSpec) []finding {
	var out []finding
	eachContainer(spec, func(c *v1beta1.SidecarContainer, path *field.Path) {
		if c.SecurityContext == nil || c.SecurityContext.Capabilities == nil {
			return
		}
		for i, added := range c.SecurityContext.Capabilities.Add {
			if !r.allows(added) {
				out = append(out, finding{path.Child("securityContext", "capabilities", "add").Index(i),
					fmt.Sprintf("capability %s is not among what is allowed: %s", added, list(r.Allowed))})
			}
		}
	})
	return out
}

// allows compares as container runtimes do: in any case, with or without CAP_.
func (r Capabilities) allows(added corev1.Capability) bool {
	plain := func(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }
	return slices.ContainsFunc(r.Allowed, func(allowed string) bool { return plain(allowed) == plain(string(added)) })
}
