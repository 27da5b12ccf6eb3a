// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"encoding/json"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
	"github.com/windlass-operator/windlass/webhook/admit"
)

func init() { capabilities.Setup(true, 0) }

// minimal is a StatefulSet that is right. Tests merge what they are about.
const minimal = `
apiVersion: apps.kruise.io/v1beta1
kind: StatefulSet
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: app, image: "app:1"}
`

// withData adds the claim template data of 10Gi, of the StorageClass elastic, which can expand.
const withData = `
spec:
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
`

// storageClasses are those of the cluster in these tests.
var storageClasses = Classes{
	{ObjectMeta: metav1.ObjectMeta{Name: "elastic"}, AllowVolumeExpansion: ptr.To(true)},
	{ObjectMeta: metav1.ObjectMeta{Name: "rigid"}, AllowVolumeExpansion: ptr.To(false)},
	{ObjectMeta: metav1.ObjectMeta{Name: "silent"}},
}

func withDefault(class string) Classes {
	return append(Classes{}, append(storageClasses, storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: class, Annotations: map[string]string{defaultClassAnnotation: "true"}},
		AllowVolumeExpansion: ptr.To(class == "elastic-default"),
	})...)
}

// given is a write of a StatefulSet: minimal with the changes merged, in YAML.
type given struct {
	// base is merged first, into what was there too.
	base string
	// before makes it an update: it is merged into what was there alone.
	before string
	// update makes it an update without before.
	update bool
	// change is merged into what is written.
	change string
	// classes are those of the cluster, storageClasses if nil.
	classes Classes
	// cannotResize: the cluster does not resize running Pods.
	cannotResize bool
}

func (g given) input(t testing.TB) Input {
	t.Helper()
	input := Input{Classes: g.classes, CanResize: !g.cannotResize}
	if input.Classes == nil {
		input.Classes = storageClasses
	}
	object := merged(t, minimal, g.base, g.change)
	input.Set, input.Unknown = read(t, object)
	g.keep(t, object)
	if g.update || g.before != "" {
		input.Old, _ = read(t, merged(t, minimal, g.base, g.before))
	}
	return input
}

// keep keeps the creation of a set, for who says the same without this package. What the cluster makes of it is not in it.
func (g given) keep(t testing.TB, object map[string]any) {
	t.Helper()
	if !g.update && g.before == "" && g.classes == nil && !g.cannotResize {
		corpus.Keep(t, corpus.StatefulSets, corpus.Case{Object: object})
	}
}

func read(t testing.TB, object map[string]any) (*v1beta1.StatefulSet, []string) {
	t.Helper()
	decoded, err := served.Decode(encoded(t, object))
	if err != nil {
		t.Fatal(err)
	}
	return decoded.Object, unknownFields(decoded.JSON)
}

func encoded(t testing.TB, object any) []byte {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// merged parses YAML and merges more of it: maps are merged, everything else is replaced, null removes.
func merged(t testing.TB, base string, changes ...string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, text := range append([]string{base}, changes...) {
		change := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &change); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		merge(out, change)
	}
	return out
}

func merge(into, change map[string]any) {
	for key, value := range change {
		below, isMap := into[key].(map[string]any)
		changeBelow, changeIsMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && changeIsMap:
			merge(below, changeBelow)
		default:
			into[key] = value
		}
	}
}

func errorsOf(result admit.Result) []string {
	var out []string
	for _, err := range result.Errors {
		out = append(out, err.Error())
	}
	return out
}

// request is an admission request; old is nil for a creation, object for a deletion.
func request(t testing.TB, object, old any) admission.Request {
	t.Helper()
	out := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind{Group: "apps.kruise.io", Version: "v1beta1", Kind: "StatefulSet"},
		Operation: admissionv1.Update,
	}}
	switch {
	case object == nil:
		out.Operation = admissionv1.Delete
	case old == nil:
		out.Operation = admissionv1.Create
	}
	if object != nil {
		out.Object = runtime.RawExtension{Raw: encoded(t, object)}
	}
	if old != nil {
		out.OldObject = runtime.RawExtension{Raw: encoded(t, old)}
	}
	return out
}
