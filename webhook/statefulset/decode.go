// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/inert"
)

// unknownFields names the fields of the templates of a StatefulSet that this program does not know.
func unknownFields(bounded []byte) []string {
	return inert.UnknownFields(bounded, &v1beta1.StatefulSet{}, "spec.template.", "spec.volumeClaimTemplates[")
}

// decodeDeleted reads what a deletion is validated by, which is there also in an object that cannot be decoded as a
// whole.
func decodeDeleted(raw []byte) (*v1beta1.StatefulSet, error) {
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Replicas *int32 `json:"replicas"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("the request's object is not a StatefulSet: %w", err)
	}
	return &v1beta1.StatefulSet{ObjectMeta: object.Metadata, Spec: v1beta1.StatefulSetSpec{Replicas: object.Spec.Replicas}}, nil
}
