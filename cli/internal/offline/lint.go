// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
	"github.com/windlass-operator/windlass/webhook/statefulset"
)

// Linted is what would be said to whoever creates an object.
type Linted struct {
	// File is where it stands.
	File      string `json:"file"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Errors are why it would be refused. Each begins with the field, where it is about one.
	Errors []string `json:"errors,omitempty"`
	// Warnings are said in either case.
	Warnings []string `json:"warnings,omitempty"`
}

// LintOptions are what files do not say.
type LintOptions struct {
	Options
	// Policy and PatchRules are files of the administrator's, "" for none.
	Policy, PatchRules string
	// Tolerations are the keys that SchedPatches may tolerate although they are refused by default.
	Tolerations []string
}

// linter asks in place of the API server.
type linter struct {
	options     LintOptions
	definitions *definitions
	handlers    map[string]admission.Handler
}

// Lint has our objects among those of files created one by one: the schema and the rules of their definitions are asked,
// and then the webhooks' own handlers. SidecarSets are compared with those before them.
func Lint(ctx context.Context, documents []*Document, o LintOptions) ([]*Linted, error) {
	known, err := newDefinitions()
	if err != nil {
		return nil, err
	}
	asked, err := NewHandlers(documents, o)
	if err != nil {
		return nil, err
	}
	l := &linter{options: o, definitions: known, handlers: asked.ByKind}
	var out []*Linted
	for _, document := range documents {
		kind := document.Object.GroupVersionKind()
		if kind.Group != v1beta1.GroupVersion.Group || known.known[kind.Kind] == nil {
			continue
		}
		linted, err := l.lint(ctx, document)
		if err != nil {
			return nil, fmt.Errorf("%s: %s %s: %w", document.File, kind.Kind, document.Object.GetName(), err)
		}
		out = append(out, linted)
		if len(linted.Errors) > 0 || kind.Kind != "SidecarSet" {
			continue
		}
		set := &v1beta1.SidecarSet{}
		if err := into(document.Object, set); err != nil {
			return nil, err
		}
		if err := asked.Stored.Put(set); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// namespacesIn are the Namespaces among documents.
func namespacesIn(documents []*Document) (*Files, error) {
	out := &Files{Namespaces: map[string]*corev1.Namespace{}}
	for _, document := range documents {
		if kind := document.Object.GroupVersionKind(); kind.Group == "" && kind.Kind == "Namespace" {
			if err := out.add(document.Object); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Handlers are the webhooks' own, in the cluster that manifests tell of.
type Handlers struct {
	// ByKind are those that validate objects of ours.
	ByKind map[string]admission.Handler
	// Stored are the SidecarSets that a new one is compared with.
	Stored *sidecarset.Stored
}

// NewHandlers makes the handlers of a cluster that has what these manifests take to be there.
func NewHandlers(documents []*Document, o LintOptions) (*Handlers, error) {
	files, err := namespacesIn(documents)
	if err != nil {
		return nil, err
	}
	reader, stored := cluster{namespaces{files: files, labels: o.Labels}, classesOf(documents)}, sidecarset.NewStored()
	policies := policy.NewFile(o.Policy, policy.Parse)
	if _, err := policies.Value(); err != nil {
		return nil, err
	}
	rules := policy.NewFile(o.PatchRules, policy.ParsePatchRules)
	if _, err := rules.Value(); err != nil {
		return nil, err
	}
	sidecarSets, err := sidecarset.NewValidator(sidecarset.Config{
		Stored: stored, Live: reader, Namespaces: reader, Policy: policies, Patches: rules,
	})
	if err != nil {
		return nil, err
	}
	return &Handlers{Stored: stored, ByKind: map[string]admission.Handler{
		"SidecarSet": sidecarSets,
		"StatefulSet": statefulset.NewValidator(statefulset.Config{
			StorageClasses: reader, Namespaces: reader, CanResize: func(context.Context) (bool, error) { return true, nil },
		}),
		"SchedPatch": &schedpatch.Validator{
			AllowedTolerations: o.Tolerations, Namespaces: reader, Clock: clocktesting.NewFakePassiveClock(o.Now),
		},
	}}, nil
}

func (l *linter) lint(ctx context.Context, document *Document) (*Linted, error) {
	object, kind := document.Object, document.Object.GroupVersionKind()
	out := &Linted{File: document.File, Kind: kind.Kind, Name: object.GetName() + object.GetGenerateName()}
	out.Errors = append(out.Errors, document.Doubled...)
	if served := l.definitions.served(kind.Kind); !slices.Contains(served, kind.Version) {
		out.Errors = append(out.Errors, fmt.Sprintf("apiVersion: %q is not served: %s of %s has %s",
			object.GetAPIVersion(), kind.Kind, kind.Group, strings.Join(served, " and ")))
		return out, nil
	}
	definition, err := l.definitions.of(kind.Kind, kind.Version)
	if err != nil {
		return nil, err
	}
	l.place(object, definition.namespaced)
	out.Namespace = object.GetNamespace()
	unknown, err := definition.take(object)
	if err != nil {
		out.Errors = append(out.Errors, err.Error())
		return out, nil
	}
	for _, path := range unknown {
		out.Errors = append(out.Errors, fmt.Sprintf("%s: there is no such field: kubectl refuses it, others lose it", path))
	}
	if faults := definition.validate(ctx, object); len(faults) > 0 {
		for _, fault := range faults {
			out.Errors = append(out.Errors, fault.Error())
		}
		return out, nil
	}
	return out, l.admit(ctx, object, out)
}

// place puts an object where kubectl would.
func (l *linter) place(object *unstructured.Unstructured, namespaced bool) {
	switch {
	case !namespaced:
		object.SetNamespace("")
	case object.GetNamespace() == "":
		object.SetNamespace(l.options.Namespace)
	}
}

// admit has a webhook answer.
func (l *linter) admit(ctx context.Context, object *unstructured.Unstructured, out *Linted) error {
	raw, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	response := l.handlers[out.Kind].Handle(ctx, admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(object.GroupVersionKind()), Operation: admissionv1.Create,
		Namespace: object.GetNamespace(), Name: object.GetName(), Object: runtime.RawExtension{Raw: raw},
	}})
	out.Warnings = append(out.Warnings, response.Warnings...)
	if response.Allowed {
		return nil
	}
	if details := response.Result.Details; details != nil && len(details.Causes) > 0 {
		for _, cause := range details.Causes {
			out.Errors = append(out.Errors, cause.Field+": "+cause.Message)
		}
		return nil
	}
	out.Errors = append(out.Errors, response.Result.Message)
	return nil
}

// cluster is what the webhooks ask: what the files have, and beside them nothing that could be found wrong.
type cluster struct {
	namespaces
	classes []storagev1.StorageClass
}

// Get reads a Namespace, or the SidecarSet that a canary of the files stands in for, which is taken to be there.
func (c cluster) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if set, ok := into.(*v1beta1.SidecarSet); ok {
		set.Name = key.Name
		return nil
	}
	return c.namespaces.Get(ctx, key, into, options...)
}

// List lists Namespaces and StorageClasses. There are no Pods and no PodDisruptionBudgets.
func (c cluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.NamespaceList:
		for _, name := range slices.Sorted(maps.Keys(c.files.Namespaces)) {
			list.Items = append(list.Items, *c.files.Namespaces[name])
		}
	case *storagev1.StorageClassList:
		list.Items = c.classes
	}
	return nil
}

// classesOf are StorageClasses that cannot be found wrong: those that StatefulSets name, and one for who names none.
func classesOf(documents []*Document) []storagev1.StorageClass {
	names := map[string]bool{}
	for _, document := range documents {
		templates, _, _ := unstructured.NestedSlice(document.Object.Object, "spec", "volumeClaimTemplates")
		for _, template := range templates {
			claim, _ := template.(map[string]any)
			byField, _, _ := unstructured.NestedString(claim, "spec", "storageClassName")
			byAnnotation, _, _ := unstructured.NestedString(claim, "metadata", "annotations", corev1.BetaStorageClassAnnotation)
			names[byField], names[byAnnotation] = true, true
		}
	}
	delete(names, "")
	class := func(name string) storagev1.StorageClass {
		return storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, AllowVolumeExpansion: ptr.To(true)}
	}
	standard := class("taken-to-be-there")
	metav1.SetMetaDataAnnotation(&standard.ObjectMeta, "storageclass.kubernetes.io/is-default-class", "true")
	out := []storagev1.StorageClass{standard}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, class(name))
	}
	return out
}
