// SPDX-License-Identifier: Apache-2.0

// Package podtemplate writes, reads and compares the Pod templates that ControllerRevisions record. Bytes differ
// between programs and versions of a library that mean the same, so templates are compared by the Pods that the API
// server makes of them. It is pure.
package podtemplate

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// patchDirective makes a strategic merge of a revision's data into a set replace the template as a whole, which is how
// a rollback by kubectl works.
const patchDirective = "$patch"

// Encode renders what a ControllerRevision holds of a template, as it is on the wire: the template as given, nothing
// defaulted, and the directive to replace the whole. Equal templates give equal bytes.
func Encode(template *corev1.PodTemplateSpec) ([]byte, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encode a Pod template: %w", err)
	}
	fields := map[string]any{}
	if err := utiljson.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("encode a Pod template: %w", err)
	}
	fields[patchDirective] = "replace"
	data, err = json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
	if err != nil {
		return nil, fmt.Errorf("encode a Pod template: %w", err)
	}
	return data, nil
}

// Decode reads what Encode, or another program, wrote. The order of keys, null values, and fields that this version
// does not know make no difference.
func Decode(data []byte) (*corev1.PodTemplateSpec, error) {
	var decoded struct {
		Spec struct {
			Template *corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	data, faults, err := quantity.Bound(data, &decoded)
	if err == nil {
		err = faults.ToAggregate()
	}
	if err != nil {
		return nil, fmt.Errorf("the revision's data is not that of a StatefulSet: %w", err)
	}
	if err := utiljson.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("the revision's data is not that of a StatefulSet: %w", err)
	}
	if decoded.Spec.Template == nil {
		return nil, errors.New("the revision's data is not that of a StatefulSet: it has no spec.template")
	}
	return decoded.Spec.Template, nil
}

// Defaulted returns a copy of a template in which everything that was left out has the value that the API server gives
// it in a Pod: also a request where there is only a limit, and the host's port of a Pod in the host's network. So it
// makes no difference whether another manager stored the template defaulted.
func Defaulted(template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
	pod.CreationTimestamp = metav1.Time{}
	coredefaults.SetObjectDefaults_Pod(pod)
	return &corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
}

// Equal reports whether the API server makes equal Pods of two Defaulted templates. Quantities are compared by their
// amounts, and empty maps and lists are as good as none.
func Equal(a, b *corev1.PodTemplateSpec) bool { return equality.Semantic.DeepEqual(a, b) }
