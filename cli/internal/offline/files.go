// SPDX-License-Identifier: Apache-2.0

// Package offline does without a cluster what the webhooks do, by their own code, for objects in files.
package offline

import (
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/cli/internal/view"
)

// Files are the objects of manifests, by what they are for.
type Files struct {
	// Pods are those of the files, and one for each object that makes Pods from a template.
	Pods        []*corev1.Pod
	SidecarSets []*v1beta1.SidecarSet
	Namespaces  map[string]*corev1.Namespace
}

// Read reads manifests in YAML or JSON, one or several in a file; - is the standard input. Objects that have nothing to
// do with injection are passed over.
func Read(names []string, in io.Reader) (*Files, error) {
	out := &Files{Namespaces: map[string]*corev1.Namespace{}}
	for _, name := range names {
		if err := withFile(name, in, out.read); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

// ahead is how many bytes are looked at to tell JSON from YAML.
const ahead = 4096

func (f *Files) read(in io.Reader) error {
	documents := yaml.NewYAMLOrJSONDecoder(in, ahead)
	for {
		object := &unstructured.Unstructured{}
		switch err := documents.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case len(object.Object) == 0: // nothing between two separators
			continue
		}
		if err := f.add(object); err != nil {
			return err
		}
	}
}

// add takes in an object, or those of a list.
func (f *Files) add(object *unstructured.Unstructured) error {
	if object.IsList() {
		return object.EachListItem(func(item runtime.Object) error { return f.add(item.(*unstructured.Unstructured)) })
	}
	switch object.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Group: v1beta1.GroupVersion.Group, Kind: "SidecarSet"}:
		set := &v1beta1.SidecarSet{}
		f.SidecarSets = append(f.SidecarSets, set)
		return into(object, set)
	case schema.GroupKind{Kind: "Namespace"}:
		namespace := &corev1.Namespace{}
		f.Namespaces[object.GetName()] = namespace
		return into(object, namespace)
	case schema.GroupKind{Kind: "Pod"}:
		pod := &corev1.Pod{}
		f.Pods = append(f.Pods, pod)
		return into(object, pod)
	}
	if template := view.TemplateIn(object.Object); template != nil {
		pod := &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: template.ObjectMeta, Spec: template.Spec,
		}
		pod.Namespace, pod.GenerateName = object.GetNamespace(), object.GetName()+"-"
		f.Pods = append(f.Pods, pod)
	}
	return nil
}

// into decodes an object. Unknown fields are for the API server to tell of.
func into(object *unstructured.Unstructured, target any) error {
	data, err := object.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(data, target)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
