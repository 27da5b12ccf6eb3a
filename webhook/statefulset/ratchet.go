// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// split tells the faults that a change brings from those that were stored already. An object which another version or
// program admitted must stay editable wherever it is right; that a fault is word for word the same, value included,
// means that the change does not touch it.
func split(now, before field.ErrorList) (brought, stored field.ErrorList) {
	for _, err := range now {
		if slices.ContainsFunc(before, func(old *field.Error) bool { return old.Error() == err.Error() }) {
			stored = append(stored, err)
		} else {
			brought = append(brought, err)
		}
	}
	return brought, stored
}
