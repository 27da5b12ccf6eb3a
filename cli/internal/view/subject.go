// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/pod"
)

// Subject is what somebody asks about: an object, and its live Pods.
type Subject struct {
	Kind, Namespace, Name string
	// Owner is the object, where it is not a Pod itself.
	Owner schedpatch.Target
	// Template is what the object makes Pods from; nil where it has none.
	Template *Template
	Pods     []*OwnedPod
	// Unread are the errors of owners that could not be read: Pods that have those may belong to the object, too.
	Unread []error
}

// OwnedPod is a Pod and whom it belongs to, the nearest first.
type OwnedPod struct {
	*corev1.Pod
	Owners []metav1.OwnerReference
}

// By reports whether the Pod belongs to an object.
func (p *OwnedPod) By(uid types.UID) bool {
	return slices.ContainsFunc(p.Owners, func(o metav1.OwnerReference) bool { return o.UID == uid })
}

// of reports whether the Pod belongs to the target of a patch.
func (p *OwnedPod) of(target schedpatch.Target) bool {
	return slices.ContainsFunc(p.Owners, func(o metav1.OwnerReference) bool {
		owner, ok := schedpatch.TargetOfOwner(&o)
		return ok && owner == target
	})
}

// BelongsTo reports whether a SchedPatch's target is the subject, or owns one of its Pods.
func (s *Subject) BelongsTo(reference *v1alpha1.TargetReference) bool {
	target := schedpatch.Target{
		GroupKind: schema.FromAPIVersionAndKind(reference.APIVersion, reference.Kind).GroupKind(), Name: reference.Name,
	}
	return s.Owner == target || slices.ContainsFunc(s.Pods, func(p *OwnedPod) bool { return p.of(target) })
}

// String names the subject for people.
func (s *Subject) String() string { return s.Kind + " " + s.Namespace + "/" + s.Name }

// Template is what a workload makes Pods from.
type Template struct {
	corev1.PodTemplateSpec
	// Scheduling is the same as far as scheduling goes.
	Scheduling *schedpatch.Template
}

// TemplateIn finds the Pod template in a workload, nil when there is none.
func TemplateIn(workload map[string]any) *Template {
	scheduling := schedpatch.TemplateIn(workload)
	for _, path := range []string{"spec.jobTemplate.spec.template", "spec.template"} {
		content, found, err := unstructured.NestedMap(workload, strings.Split(path, ".")...)
		if err != nil || !found || scheduling == nil {
			continue
		}
		out := &Template{Scheduling: scheduling}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &out.PodTemplateSpec) == nil {
			return out
		}
	}
	return nil
}

// Surroundings are what decides over the Pods of a namespace.
type Surroundings struct {
	// Namespace is nil where it could not be read.
	Namespace    *corev1.Namespace
	SidecarSets  []v1beta1.SidecarSet
	SchedPatches []v1alpha1.SchedPatch
	// Webhooks are the cluster's; WebhooksUnread: they could not be read.
	Webhooks       []admissionv1.MutatingWebhookConfiguration
	WebhooksUnread bool
	// Pods are the live ones of the namespace, where there are SchedPatches, and Templates those of the targets by
	// SchedPatch.
	Pods      []*OwnedPod
	Templates map[string]*Template
}

func (s *Surroundings) labels() map[string]string {
	if s.Namespace == nil {
		return nil
	}
	return s.Namespace.Labels
}

// optedOut reports whether the namespace says itself that it is to be left out.
func (s *Surroundings) optedOut() bool {
	return s.labels()[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled
}

// Serving is whether the Pod webhooks serve a namespace.
type Serving string

const (
	// Served means that one of them is asked about each new Pod.
	Served Serving = "Served"
	// Unserved means that they leave out this namespace.
	Unserved Serving = "Unserved"
	// NoWebhook means that there is none in this cluster.
	NoWebhook Serving = "NoWebhook"
	// Unknown means that it could not be read.
	Unknown Serving = "Unknown"
)

// serving asks the webhook configurations themselves, as the API server does.
func (s *Surroundings) serving() Serving {
	if s.optedOut() {
		return Unserved
	}
	if s.WebhooksUnread || s.Namespace == nil {
		return Unknown
	}
	out := NoWebhook
	for i := range s.Webhooks {
		for j := range s.Webhooks[i].Webhooks {
			hook := &s.Webhooks[i].Webhooks[j]
			if !isOurs(hook) {
				continue
			}
			selector, err := metav1.LabelSelectorAsSelector(hook.NamespaceSelector)
			if err == nil && selector.Matches(labels.Set(s.Namespace.Labels)) {
				return Served
			}
			out = Unserved
		}
	}
	return out
}

// isOurs tells the webhooks of Windlass from those of OpenKruise, which have the same path, by the label that only ours
// ask of namespaces.
func isOurs(hook *admissionv1.MutatingWebhook) bool {
	if hook.ClientConfig.Service == nil || hook.ClientConfig.Service.Path == nil || hook.NamespaceSelector == nil {
		return false
	}
	path := *hook.ClientConfig.Service.Path
	return (path == pod.Path || path == pod.EnforcedPath) &&
		slices.ContainsFunc(hook.NamespaceSelector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
			return r.Key == v1beta1.InjectionLabel
		})
}
