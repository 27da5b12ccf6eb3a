// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
)

// A kubelet starts a container anew when its image is spelled differently. So one and the same image restarts it when
// it is spelled in another way:
//
//	name:tag               with the digest that runs
//	name:tag@sha256:...    as the template has it, if that is name:tag;
//	                       else without the tag
//	name@sha256:...        with a tag, which nobody looks at beside a digest

// restartTag stands beside a digest when the template gives no tag.
const restartTag = "restarted"

// restartImage returns an image that runs what a container of a Pod runs now and is spelled in none of the ways to
// avoid. template is the image that the template gives it, empty when that is not known.
func restartImage(pod *corev1.Pod, name, template string, avoid []string) (string, error) {
	image := pods.Image(pod, name)
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("container %s cannot be restarted in place: its image %q is not a reference: %w", name, image, err)
	}
	plain, digest, pinned := strings.Cut(image, "@")
	if !pinned {
		if digest, err = runningDigest(pod, name, named); err != nil {
			return "", fmt.Errorf("container %s cannot be restarted in place: %w", name, err)
		}
	}
	untagged := plain
	if tagged, ok := named.(reference.Tagged); ok {
		untagged = strings.TrimSuffix(plain, ":"+tagged.Tag())
	}
	spellings := []string{plain + "@" + digest, untagged + "@" + digest, untagged + ":" + tagOf(template) + "@" + digest}
	if pinned && plain == template {
		spellings = slices.Insert(spellings, 0, template)
	}
	for _, spelling := range spellings {
		if spelling != image && !slices.Contains(avoid, spelling) {
			return spelling, nil
		}
	}
	return "", fmt.Errorf("container %s cannot be restarted in place: it has not been restarted for several earlier changes yet", name)
}

// startedAs are the images that a container which still has to be restarted for an earlier change may have been started
// with. To spell one of them again would restart nothing.
func startedAs(pod *corev1.Pod, state *State, name string) []string {
	if state == nil || restartAwaited(pod, name, state.Restarted[name]) == "" {
		return nil
	}
	return state.Restarted[name].Images
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

// runningDigest is the digest under which the repository of a container's image has what runs. An image ID of another
// repository, or one of the runtime's own, names nothing that could be pulled.
func runningDigest(pod *corev1.Pod, name string, image reference.Named) (string, error) {
	status := pods.Status(pod, name)
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
