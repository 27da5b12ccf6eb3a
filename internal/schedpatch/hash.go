// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// hashLength is how many characters of a hash are kept: 40 bits, which tell the few versions of one patch apart.
const hashLength = 10

// hashOf identifies the rules of a patch. Whom and for how long they are added does not count: a Pod that carries them
// is not out of date by a new priority.
func hashOf(spec *v1alpha1.SchedPatchSpec) (string, error) {
	data, err := json.Marshal(v1alpha1.SchedPatchSpec{
		Affinity: spec.Affinity, Tolerations: spec.Tolerations, NodeSelector: spec.NodeSelector,
	})
	if err != nil {
		return "", fmt.Errorf("encode the rules for their hash: %w", err)
	}
	return digest(data)[:hashLength], nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
