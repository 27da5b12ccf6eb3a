// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Hashes are the two fingerprints of a SidecarSet that its Pods carry. Pods whose Full agrees are up to date; Pods
// whose WithoutImage agrees can be brought up to date by changing images alone.
type Hashes struct {
	Full         string
	WithoutImage string
}

// hashOf computes both fingerprints over a defaulted spec, byte for byte as OpenKruise does: sha256 over the JSON of
// all containers and, only when there is a native sidecar among them, of all init containers; as hex, in the alphabet
// that Kubernetes uses for generated names.
func hashOf(spec *v1beta1.SidecarSetSpec) (Hashes, error) {
	full, err := fingerprint(spec.Containers, spec.InitContainers)
	if err != nil {
		return Hashes{}, err
	}
	withoutImage, err := fingerprint(blankImages(spec.Containers), blankImages(spec.InitContainers))
	if err != nil {
		return Hashes{}, err
	}
	return Hashes{Full: full, WithoutImage: withoutImage}, nil
}

func fingerprint(containers, initContainers []v1beta1.SidecarContainer) (string, error) {
	parts := map[string]any{"containers": containers}
	if hasNativeSidecar(initContainers) {
		parts["initContainers"] = initContainers
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("encode the containers for their hash: %w", err)
	}
	sum := sha256.Sum256(data)
	return rand.SafeEncodeString(hex.EncodeToString(sum[:])), nil
}

func blankImages(containers []v1beta1.SidecarContainer) []v1beta1.SidecarContainer {
	if containers == nil {
		return nil // null and [] hash differently
	}
	out := make([]v1beta1.SidecarContainer, len(containers))
	copy(out, containers)
	for i := range out {
		out[i].Image = ""
	}
	return out
}
