// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// maxReplicas is what the schema allows. Kubernetes is made for 150,000 Pods in a whole cluster.
const maxReplicas = 100_000

// usable returns a set's selector. It fails where nothing at all may be done about the set, because it could have been
// stored while no webhook answered:
//
//   - an entry of reserveOrdinals that cannot be read. Taken for none, it would
//     cost the Pods of other ordinals their place, and their claims with
//     whenScaled: Delete;
//   - more replicas than any cluster can run, which would cost the operator its
//     memory and all other sets their controller;
//   - a template whose Pods the selector does not match. They would be let go as
//     soon as they are made;
//   - a quantity that would cost the operator its memory as soon as it is compared
//     with another one.
func usable(spec *v1beta1.StatefulSetSpec) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("spec.selector: %w", err)
	}
	if !selector.Matches(labels.Set(spec.Template.Labels)) {
		return nil, fmt.Errorf("spec.template.metadata.labels: %q must be matched by spec.selector, which is %s",
			labels.FormatLabels(spec.Template.Labels), metav1.FormatLabelSelector(spec.Selector))
	}
	if replicas := ptr.Deref(spec.Replicas, 1); replicas > maxReplicas {
		return nil, fmt.Errorf("spec.replicas: is %d; at most %d are allowed", replicas, maxReplicas)
	}
	for i := range spec.ReserveOrdinals {
		if _, err := parseReserved(spec.ReserveOrdinals[i]); err != nil {
			return nil, fmt.Errorf("spec.reserveOrdinals[%d]: %w", i, err)
		}
	}
	return selector, outOfBounds(spec)
}

// outOfBounds names the first quantity that nothing may be computed with.
func outOfBounds(spec *v1beta1.StatefulSetSpec) error {
	path := field.NewPath("spec")
	faults := quantity.Find(&spec.Template, path.Child("template"))
	faults = append(faults, quantity.Find(&spec.VolumeClaimTemplates, path.Child("volumeClaimTemplates"))...)
	if len(faults) == 0 {
		return nil
	}
	return faults[0]
}
