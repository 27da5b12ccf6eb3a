// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Source is what previews are gathered from. What the processes of the operator remember of their own writes, of what
// they are about to restart and of pulled images is not in it, and nothing is taken to be known of that.
type Source struct {
	// Reader answers as the operator's cache does: see package lists.
	Reader client.Reader
	// Clock tells the time.
	Clock clock.PassiveClock
	// Namespace is where the revisions of SidecarSets are kept; "" looks for them everywhere.
	Namespace string
	// Excluded are the namespaces that the Pod webhooks leave out by name.
	Excluded []string
	// CanResize reports whether the API server can resize running Pods.
	CanResize bool
}
