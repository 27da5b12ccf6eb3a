// SPDX-License-Identifier: Apache-2.0

package schedpatch

import "k8s.io/apimachinery/pkg/types"

// ServedPath is where each replica of the webhook tells, beside its admission and with the same certificate, which
// version of a patch it applies: GET /schedpatches/<namespace>/<name>.
const ServedPath = "/schedpatches/"

// Served is what a replica of the webhook answers about a patch. There is none, but status 404, for a patch that it
// does not know or cannot apply yet.
type Served struct {
	// UID and Generation of the SchedPatch that new Pods are patched with.
	UID        types.UID `json:"uid"`
	Generation int64     `json:"generation"`
	// Hash of its rules, as Pods will carry it.
	Hash string `json:"hash"`
}

// Served is what a replica that applies this patch answers.
func (p *Patch) Served() Served {
	return Served{UID: p.Object.UID, Generation: p.Object.Generation, Hash: p.hash}
}
