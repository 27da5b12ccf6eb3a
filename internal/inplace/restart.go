package inplace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
)

// A kubelet starts a container anew when its image is spelled differently. So
// one and the same image, spelled in another way, restarts it:
//
//	name:tag            the digest that runs is added:   name:tag@sha256:...
//	name:tag@sha256:... the template's own, if that is name:tag,
//	                    else the tag is dropped:         name@sha256:...
//	name@sha256:...     a tag is added, which nobody
//	                    looks at beside a digest:        name:restarted@sha256:...

// restartTag stands beside a digest when the template gives no tag.
const restartTag = "restarted"

// restartImage returns an image that runs what a container of a Pod runs now
// and is spelled differently. template is the image that the template gives it,
// or empty when that is not known.
func restartImage(pod *corev1.Pod, name, template string) (string, error) {
	image := imageOf(pod, name)
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("container %s cannot be restarted in place: its image %q is not a reference: %w", name, image, err)
	}
	pinned, ok := named.(reference.Digested)
	if !ok {
		digest, err := runningDigest(pod, name, named)
		if err != nil {
			return "", fmt.Errorf("container %s cannot be restarted in place: %w", name, err)
		}
		return image + "@" + digest, nil
	}
	plain, _, _ := strings.Cut(image, "@")
	if plain == template {
		return template, nil
	}
	if tagged, ok := named.(reference.Tagged); ok {
		return strings.TrimSuffix(plain, ":"+tagged.Tag()) + "@" + pinned.Digest().String(), nil
	}
	return plain + ":" + tagOf(template) + "@" + pinned.Digest().String(), nil
}

// tagOf is the tag of an image, restartTag if it has none.
func tagOf(image string) string {
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		if tagged, ok := named.(reference.Tagged); ok {
			return tagged.Tag()
		}
	}
	return restartTag
}

// runningDigest is the digest under which the repository of a container's image
// has what runs. An image ID of another repository, or one of the runtime's own,
// names nothing that could be pulled.
func runningDigest(pod *corev1.Pod, name string, image reference.Named) (string, error) {
	status := statusOf(pod, name)
	if status == nil || status.ImageID == "" {
		return "", errors.New("the kubelet has not said yet which image it runs")
	}
	_, id, hasScheme := strings.Cut(status.ImageID, "://")
	if !hasScheme {
		id = status.ImageID
	}
	running, err := reference.ParseNormalizedNamed(id)
	if err != nil {
		return "", fmt.Errorf("the image ID %q that the kubelet reports is not a digest of a repository", status.ImageID)
	}
	digested, ok := running.(reference.Digested)
	if !ok || running.Name() != image.Name() {
		return "", fmt.Errorf("the image ID %q that the kubelet reports is not a digest of %s", status.ImageID, image.Name())
	}
	return digested.Digest().String(), nil
}
