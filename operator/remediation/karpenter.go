// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// karpenter is whether Karpenter provisions nodes for the cluster, as it was found out last.
type karpenter struct {
	is bool
	// until is when that has to be found out again, zero when it never was.
	until time.Time
}

// karpenterTime is for how long an answer is good. Where Karpenter is not installed, every question asks the API server
// for all that it serves.
const karpenterTime = time.Minute

// served reports whether the API by which Karpenter makes nodes is served. It fails only if nobody has ever been able
// to tell.
func (k *karpenter) served(mapper meta.RESTMapper, now time.Time) (bool, error) {
	if now.Before(k.until) {
		return k.is, nil
	}
	_, err := mapper.RESTMapping(schema.GroupKind{Group: "karpenter.sh", Kind: "NodeClaim"})
	switch {
	case err == nil:
		k.is = true
	case meta.IsNoMatchError(err):
		k.is = false
	case k.until.IsZero():
		return false, fmt.Errorf("see whether nodeclaims.karpenter.sh is served: %w", err)
	}
	k.until = now.Add(karpenterTime)
	return k.is, nil
}
