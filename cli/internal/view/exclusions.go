// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// Exclusion is a node that auto remediation keeps the Pods of a StatefulSet from.
type Exclusion struct {
	Namespace   string `json:"namespace"`
	StatefulSet string `json:"statefulSet"`
	Node        string `json:"node"`
	// Reason is what was seen there, Image what could not be started; "" for the sandbox, or where the kubelet refused.
	Reason string `json:"reason,omitempty"`
	Image  string `json:"image,omitempty"`
	// Since is when it began, Until when it ends.
	Since metav1.Time `json:"since"`
	Until metav1.Time `json:"until"`
	// Strikes is how often the node was excluded by now.
	Strikes int `json:"strikes"`
	// Probe: the node may not be at fault; the Pod is tried elsewhere once.
	Probe bool `json:"probe,omitempty"`
	// Lifted: a person has taken the node out, and the operator is about to end it.
	Lifted bool `json:"lifted,omitempty"`

	patch *v1alpha1.SchedPatch
}

// Exclusions lists the exclusions in force that SchedPatches record. Records that nobody can read are told as errors.
func Exclusions(patches []v1alpha1.SchedPatch, now time.Time) (out []Exclusion, errs []error) {
	out = []Exclusion{}
	for i := range patches {
		patch := &patches[i]
		text, has := patch.Annotations[v1beta1.RemediationExclusionsAnnotation]
		if !has {
			continue
		}
		record, err := remediation.ParseRecord(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("schedpatch/%s in namespace %s: annotation %s: %w",
				patch.Name, patch.Namespace, v1beta1.RemediationExclusionsAnnotation, err))
			continue
		}
		for j := range record.Exclusions {
			if e := &record.Exclusions[j]; e.ActiveAt(now) {
				out = append(out, Exclusion{
					Namespace: patch.Namespace, StatefulSet: patch.Spec.TargetRef.Name, Node: e.Node, Reason: e.Reason, Image: e.Key.Image,
					Since: e.FirstSeen, Until: e.Expires, Strikes: e.Strikes, Probe: e.Probe, Lifted: !remediation.Excludes(patch, e), patch: patch,
				})
			}
		}
	}
	return out, errs
}

// Why says in a few words what the node is excluded for, and whether that is about to end.
func (e *Exclusion) Why() string {
	why := e.Reason
	if e.Image != "" {
		why += " (" + e.Image + ")"
	}
	switch {
	case e.Lifted:
		why += "; lifted, about to end"
	case e.Probe:
		why += "; tried elsewhere once"
	}
	return why
}

// Patch is the SchedPatch of the exclusion.
func (e *Exclusion) Patch() *v1alpha1.SchedPatch { return e.patch }

// Lift takes the node out of the SchedPatch's rule, upon which the operator ends the exclusion.
func (e *Exclusion) Lift(now time.Time) (Change, error) {
	affinity, excluded := remediation.Lift(e.patch, e.Node, now)
	if !excluded {
		return Change{Text: fmt.Sprintf("Node %s is being lifted for asts/%s in namespace %s already.", e.Node, e.StatefulSet, e.Namespace)}, nil
	}
	data, err := json.Marshal([]step{
		{"test", "/metadata/resourceVersion", e.patch.ResourceVersion}, {"replace", "/spec/affinity", affinity},
	})
	return Change{
		Type: types.JSONPatchType, Data: data,
		Text: fmt.Sprintf("Node %s is lifted for asts/%s in namespace %s: the operator ends the exclusion when it looks next. "+
			"Should Pods fail there again, it is excluded again, for longer.", e.Node, e.StatefulSet, e.Namespace),
	}, err
}
