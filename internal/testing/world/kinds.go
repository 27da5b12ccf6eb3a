// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/program"
)

// The kinds that tests ask for by name. A world has one kind of each name: StatefulSet is ours.
const (
	Pod         = "Pod"
	Claim       = "PersistentVolumeClaim"
	Volume      = "PersistentVolume"
	Revision    = "ControllerRevision"
	StatefulSet = "StatefulSet"
	SidecarSet  = "SidecarSet"
	SchedPatch  = "SchedPatch"
	Class       = "StorageClass"
	Namespace   = "Namespace"
	Node        = "Node"
	Deployment  = "Deployment"
	ReplicaSet  = "ReplicaSet"
	Budget      = "PodDisruptionBudget"
)

// scheme is made once: it takes longer than many a test.
var scheme = program.Scheme()

// kindsOf remembers the kinds of Go types.
var kindsOf = map[reflect.Type]schema.GroupVersionKind{}

func init() {
	for gvk, t := range scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal {
			kindsOf[t] = gvk
		}
	}
}

// gvkOf is the kind of an object, or of those in a list.
func gvkOf(t testing.TB, object runtime.Object) schema.GroupVersionKind {
	t.Helper()
	gvk, ok := kindsOf[reflect.TypeOf(object).Elem()]
	switch object.(type) {
	case *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList, *unstructured.Unstructured, *unstructured.UnstructuredList:
		gvk, ok = object.GetObjectKind().GroupVersionKind(), true
	}
	if !ok {
		t.Fatalf("no world has objects of type %T", object)
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	return gvk
}

// copyTo gives a caller its own copy of a stored object, in the form that it asked for: whole, its metadata, or as maps.
func copyTo(t testing.TB, stored client.Object, into client.Object) {
	t.Helper()
	switch into := into.(type) {
	case *metav1.PartialObjectMetadata:
		into.ObjectMeta = metadata(stored)
	case *unstructured.Unstructured:
		gvk := into.GroupVersionKind()
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stored)
		if err != nil {
			t.Fatal(err)
		}
		into.Object = fields
		into.SetGroupVersionKind(gvk)
	default:
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(stored.DeepCopyObject()).Elem())
	}
}

func metadata(object client.Object) metav1.ObjectMeta {
	if partial, ok := object.(*metav1.PartialObjectMetadata); ok {
		return *partial.ObjectMeta.DeepCopy()
	}
	meta := reflect.ValueOf(object).Elem().FieldByName("ObjectMeta").Interface().(metav1.ObjectMeta)
	return *meta.DeepCopy()
}

// KindOf is the kind of an object.
func KindOf(t testing.TB, object runtime.Object) string {
	t.Helper()
	return gvkOf(t, object).Kind
}

// Mapper knows all kinds of the scheme.
func Mapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, gvk := range kindsOf {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	return mapper
}

// Metadata is an object without anything but its metadata, as a watch of metadata brings it.
func Metadata(t testing.TB, object client.Object) *metav1.PartialObjectMetadata {
	t.Helper()
	out := &metav1.PartialObjectMetadata{ObjectMeta: metadata(object)}
	out.SetGroupVersionKind(gvkOf(t, object))
	return out
}

// Encode takes an object onto the wire.
func Encode(t testing.TB, object any) []byte {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// decodeLike takes an object of the same type off the wire.
func decodeLike(t testing.TB, data []byte, like client.Object) client.Object {
	t.Helper()
	into := reflect.New(reflect.TypeOf(like).Elem()).Interface().(client.Object)
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return into
}

// field is a part of an object, such as its Spec; the zero Value when it has none.
func field(object client.Object, name string) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName(name)
}
