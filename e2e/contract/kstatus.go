// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Done is what kstatus says of an object that nobody has to wait for any more.
const Done = string(status.CurrentStatus)

// KStatus is an object's status in the words of kstatus: InProgress, Failed, Current or Terminating.
func KStatus(object *unstructured.Unstructured) (string, error) {
	result, err := status.Compute(object)
	if err != nil {
		return "", fmt.Errorf("kstatus of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return result.Status.String(), nil
}
