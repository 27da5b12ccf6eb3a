// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Target is a workload, in a namespace that is known beside it.
type Target struct {
	schema.GroupKind
	Name string
}

// String writes a target as kubectl does: Deployment.apps cart.
func (t Target) String() string { return fmt.Sprintf("%s %s", t.GroupKind, t.Name) }

// TargetOfOwner is the workload that an ownerReference names. False when its apiVersion cannot be read.
func TargetOfOwner(owner *metav1.OwnerReference) (Target, bool) {
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	if err != nil {
		return Target{}, false
	}
	return Target{GroupKind: version.WithKind(owner.Kind).GroupKind(), Name: owner.Name}, true
}

// between names, for each kind that is known to make Pods, the kind that stands between it and them; none when it owns
// its Pods itself.
var between = map[schema.GroupKind]schema.GroupKind{
	{Group: "apps", Kind: "Deployment"}:            {Group: "apps", Kind: "ReplicaSet"},
	{Group: "apps", Kind: "ReplicaSet"}:            {},
	{Group: "apps", Kind: "StatefulSet"}:           {},
	{Group: "apps.kruise.io", Kind: "StatefulSet"}: {},
	{Group: "batch", Kind: "CronJob"}:              {Group: "batch", Kind: "Job"},
	{Group: "batch", Kind: "Job"}:                  {},
}

// MayOwnThrough reports whether a workload of the kind may own Pods through an owner of the other kind. Of kinds that
// are not known here anything is possible, other than through their own kind.
func MayOwnThrough(kind, owner schema.GroupKind) bool {
	if through, known := between[kind]; known {
		return through == owner
	}
	return kind != owner
}
