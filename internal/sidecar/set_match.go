// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"cmp"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/quantity"
)

// Set is a SidecarSet made ready for use: defaulted, with its selectors compiled and its hashes computed, once. It is
// immutable and may be shared.
type Set struct {
	// Object is the SidecarSet as it is stored.
	Object *v1beta1.SidecarSet
	// Spec is its spec with all defaults. Parts of it are the object's own.
	Spec *v1beta1.SidecarSetSpec
	// Hashes are what an up-to-date Pod carries.
	Hashes Hashes
	// Revision names the ControllerRevision that records this version; "" when it is not known.
	Revision string
	// SidecarNames are the logical names of all containers that stay in the Pod: the containers and the native
	// sidecars, sorted.
	SidecarNames []string

	selector          labels.Selector
	namespaceSelector labels.Selector
	updateSelector    labels.Selector
}

// Compile makes a SidecarSet ready for use. It fails when a selector cannot be parsed or a quantity is out of bounds;
// such an object can only have been stored while the webhook was away.
func Compile(object *v1beta1.SidecarSet) (*Set, error) {
	if faults := quantity.Find(&object.Spec, field.NewPath("spec")); len(faults) > 0 {
		return nil, fmt.Errorf("SidecarSet %s: %w", object.Name, faults[0])
	}
	set := &Set{Object: object, Spec: defaulted(object), Revision: object.Status.LatestRevision}
	var err error
	if set.selector, err = compileSelector(object.Spec.Selector); err != nil {
		return nil, fmt.Errorf("SidecarSet %s: spec.selector: %w", object.Name, err)
	}
	if set.namespaceSelector, err = compileNamespaces(&object.Spec); err != nil {
		return nil, fmt.Errorf("SidecarSet %s: spec.namespaceSelector: %w", object.Name, err)
	}
	if set.updateSelector, err = compileUpdateSelector(&object.Spec); err != nil {
		return nil, fmt.Errorf("SidecarSet %s: spec.updateStrategy.selector: %w", object.Name, err)
	}
	if set.Hashes, err = hashOf(set.Spec); err != nil {
		return nil, fmt.Errorf("SidecarSet %s: %w", object.Name, err)
	}
	set.SidecarNames = sidecarNames(set.Spec)
	return set, nil
}

// Name is the SidecarSet's name.
func (s *Set) Name() string { return s.Object.Name }

// MatchesPod reports whether the set's selector picks a Pod with these labels. Pods by which nodes pull images are none of
// any set's.
func (s *Set) MatchesPod(podLabels map[string]string) bool {
	if _, puller := podLabels[v1beta1.ImagePullerLabel]; puller {
		return false
	}
	return s.selector.Matches(labels.Set(podLabels))
}

// MatchesNamespace reports whether the set reaches into a namespace.
func (s *Set) MatchesNamespace(name string, namespaceLabels map[string]string) bool {
	if s.Spec.Namespace != "" {
		return s.Spec.Namespace == name
	}
	return s.namespaceSelector.Matches(labels.Set(namespaceLabels))
}

// compileSelector treats a missing or an empty selector as one that picks nothing: a set must never reach every Pod of
// a cluster by omission.
func compileSelector(selector *metav1.LabelSelector) (labels.Selector, error) {
	if selector == nil || (len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0) {
		return labels.Nothing(), nil
	}
	return metav1.LabelSelectorAsSelector(selector)
}

func compileNamespaces(spec *v1beta1.SidecarSetSpec) (labels.Selector, error) {
	if spec.Namespace != "" || spec.NamespaceSelector == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(spec.NamespaceSelector)
}

// compileUpdateSelector: without a selector the update is for all matched Pods.
func compileUpdateSelector(spec *v1beta1.SidecarSetSpec) (labels.Selector, error) {
	if spec.UpdateStrategy.Selector == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(spec.UpdateStrategy.Selector)
}

func sidecarNames(spec *v1beta1.SidecarSetSpec) []string {
	names := make([]string, 0, len(spec.Containers))
	for i := range spec.Containers {
		names = append(names, spec.Containers[i].Name)
	}
	for i := range spec.InitContainers {
		if pods.IsNativeSidecar(&spec.InitContainers[i].Container) {
			names = append(names, spec.InitContainers[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

// OptedOut reports whether a Pod refuses injection by the label or annotation apps.kruise.io/sidecar-injection:
// "false".
func OptedOut(pod *corev1.Pod) bool {
	return pod.Labels[v1beta1.SidecarInjectionKey] == "false" || pod.Annotations[v1beta1.SidecarInjectionKey] == "false"
}

// UpdateSelects reports whether the update strategy's own selector, if there is one, picks a Pod with these labels.
func (s *Set) UpdateSelects(podLabels map[string]string) bool {
	return s.updateSelector.Matches(labels.Set(podLabels))
}

// OnlyNamespace names the one namespace that the set reaches, or "" when it may reach several.
func (s *Set) OnlyNamespace() string { return onlyNamespace(s) }

// ownLabels are keys of labels that nearly every Pod has a value of its own for, or every rollout. An index of Pods by
// them takes more memory than the labels themselves. A set that demands no other label goes through all Pods that it may
// reach in each look; few select Pods for sidecars so.
var ownLabels = map[string]bool{
	appsv1.StatefulSetPodNameLabel: true, appsv1.PodIndexLabel: true, batchv1.JobCompletionIndexAnnotation: true,
	appsv1.ControllerRevisionHashLabelKey: true, appsv1.DefaultDeploymentUniqueLabelKey: true,
	batchv1.ControllerUidLabel: true, "controller-uid": true, batchv1.JobNameLabel: true, "job-name": true,
}

// IndexedLabel reports whether an index of Pods by label has the labels of a key.
func IndexedLabel(key string) bool { return !ownLabels[key] }

// DemandedLabels are labels, as LabelPair writes them, of which every Pod that the set's selector picks has exactly
// one. Empty when the selector demands no particular value of a label that IndexedLabel knows.
func (s *Set) DemandedLabels() []string {
	requirements := slices.DeleteFunc(requiredLabels(s.Spec.Selector), func(values []pair) bool {
		return slices.ContainsFunc(values, func(p pair) bool { return !IndexedLabel(p.key) })
	})
	if len(requirements) == 0 {
		return nil
	}
	fewest := slices.MinFunc(requirements, func(a, b []pair) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a[0].key, b[0].key))
	})
	out := make([]string, 0, len(fewest))
	for _, p := range fewest {
		out = append(out, LabelPair(p.key, p.value))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// LabelPair writes a label for an index of Pods by label.
func LabelPair(key, value string) string { return key + "=" + value }
