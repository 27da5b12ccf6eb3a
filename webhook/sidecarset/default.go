// SPDX-License-Identifier: Apache-2.0

// Package sidecarset is the admission of SidecarSets. What can be said of one object alone, as defaults and ranges, the
// CRD's schema says too, which holds also while the webhook is away; here is the rest: conflicts with other sets,
// canaries, the administrator's policy.
package sidecarset

import (
	"context"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// Paths where the handlers are served.
const (
	MutatePath   = "/mutate-apps-kruise-io-sidecarset"
	ValidatePath = "/validate-apps-kruise-io-sidecarset"
)

// served are the objects that the handlers are served for.
var served = admit.Kind[v1beta1.SidecarSet]{
	GroupKind: v1beta1.GroupVersion.WithKind("SidecarSet").GroupKind(),
	Plural:    "SidecarSets",
	Paths:     []string{MutatePath, ValidatePath},
}

// Defaulter writes the hash annotations, which clients compare with those of Pods. It changes nothing else: a default
// written into a stored list reads as drift to tools that sync from Git.
type Defaulter struct{}

// Handle answers one request.
func (Defaulter) Handle(_ context.Context, request admission.Request) admission.Response {
	if err := served.Check(request.Kind); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	decoded, err := served.Decode(request.Object.Raw)
	switch {
	case err != nil && admit.IsLeaving(request.Object.Raw):
		return admission.Allowed("on its way out")
	case err != nil:
		return admission.Errored(http.StatusBadRequest, err)
	}
	set, err := sidecar.Compile(decoded.Object)
	if err != nil || len(decoded.OutOfBounds) > 0 {
		return admission.Allowed("") // the validating webhook says what is wrong
	}
	return admission.Patched("", hashPatch(set)...)
}

func hashPatch(set *sidecar.Set) []jsonpatch.Operation {
	hashes := map[string]string{
		v1beta1.SidecarSetHashAnnotation:             set.Hashes.Full,
		v1beta1.SidecarSetHashWithoutImageAnnotation: set.Hashes.WithoutImage,
	}
	if set.Object.Annotations == nil {
		return []jsonpatch.Operation{jsonpatch.NewOperation("add", "/metadata/annotations", hashes)}
	}
	var out []jsonpatch.Operation
	for key, hash := range hashes {
		if set.Object.Annotations[key] != hash {
			out = append(out, jsonpatch.NewOperation("add", podpatch.Pointer("metadata", "annotations", key), hash))
		}
	}
	return out
}

// unknownFields names the fields of containers and volumes that this program does not know.
func unknownFields(bounded []byte) []string {
	return inert.UnknownFields(bounded, &v1beta1.SidecarSet{}, "spec.containers[", "spec.initContainers[", "spec.volumes[")
}
