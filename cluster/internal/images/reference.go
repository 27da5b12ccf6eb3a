// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
)

// LocalReference is where an image lives in the local registry: the same repository path and tag under the registry's
// own address, which is where the nodes' mirror rule looks for it. ghcr.io/a/b:c in the registry at 127.0.0.1:5000 is
// 127.0.0.1:5000/a/b:c.
func LocalReference(reference, registry string) (name.Tag, error) {
	tag, err := name.NewTag(reference, name.WithDefaultTag("latest"))
	if err != nil {
		return name.Tag{}, fmt.Errorf("image reference %q: want [registry/]repository[:tag]: %w", reference, err)
	}
	host, err := name.NewRegistry(registry, name.Insecure)
	if err != nil {
		return name.Tag{}, fmt.Errorf("registry %q: want host:port: %w", registry, err)
	}
	// RepositoryStr spells out Docker Hub's short names (busybox is library/busybox), as the nodes do when they pull.
	return host.Repo(tag.RepositoryStr()).Tag(tag.TagStr()), nil
}
