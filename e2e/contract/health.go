// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Healths are what Argo CD knows of an object, the best first.
const (
	Healthy     = "Healthy"
	Suspended   = "Suspended"
	Progressing = "Progressing"
	Degraded    = "Degraded"
	Unknown     = "Unknown"
)

// Health is what Argo CD shows of an object.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// CheckHealth is the health of an object with a health script. What is being deleted is Progressing, whatever the
// script says, and a script that fails or says nothing that Argo CD understands makes the health Unknown.
func CheckHealth(script string, object *unstructured.Unstructured) Health {
	if object.GetDeletionTimestamp() != nil {
		return Health{Progressing, "Pending deletion"}
	}
	var health Health
	said, err := run(script, object)
	if err == nil {
		err = json.Unmarshal(said, &health)
	}
	switch {
	case err != nil:
		return Health{Unknown, err.Error()}
	case !slices.Contains([]string{Healthy, Suspended, Progressing, Degraded, Unknown, "Missing"}, health.Status):
		return Health{Unknown, "Lua returned an invalid health status"}
	}
	return health
}
