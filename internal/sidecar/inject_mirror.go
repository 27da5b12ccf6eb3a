// SPDX-License-Identifier: Apache-2.0

package sidecar

import "strings"

// Mirrors are the places, such as registry.example/mirror, from which another admission webhook lets images be pulled.
// Who may create Pods must not be able to push images there.
type Mirrors []string

// hold reports whether an image is another one's copy in a mirror: the mirror, and then the image's name, with or
// without its registry.
func (m Mirrors) hold(image, of string) bool {
	for _, mirror := range m {
		rest, ok := strings.CutPrefix(image, strings.TrimSuffix(mirror, "/")+"/")
		if ok && mirror != "" && (rest == of || rest == withoutRegistry(of) || rest == withRegistry(of)) {
			return true
		}
	}
	return false
}

// withoutRegistry is an image's name without the registry, if it names one. A first part is a registry when it looks
// like a host.
func withoutRegistry(image string) string {
	first, rest, ok := strings.Cut(image, "/")
	if ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return rest
	}
	return image
}

// withRegistry writes out what a short name of an image stands for.
func withRegistry(image string) string {
	switch {
	case withoutRegistry(image) != image:
		return image
	case strings.Contains(image, "/"):
		return "docker.io/" + image
	default:
		return "docker.io/library/" + image
	}
}
