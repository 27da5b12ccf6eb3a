// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// The smallest valid object of each kind. Tests merge what they are about.
const (
	sidecarSet = `
apiVersion: apps.kruise.io/v1beta1
kind: SidecarSet
metadata: {name: sidecars}
spec:
  selector: {matchLabels: {app: web}}
  containers: [{name: proxy, image: "proxy:1"}]
`
	statefulSet = `
apiVersion: apps.kruise.io/v1beta1
kind: StatefulSet
metadata: {name: web, namespace: api}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`
	schedPatch = `
apiVersion: apps.kruise.io/v1alpha1
kind: SchedPatch
metadata: {name: avoid-node, namespace: api}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}
  nodeSelector: {disk: ssd}
`
)

// object parses the YAML of an object and merges YAML into it: maps are merged, everything else is replaced, null
// removes.
func object(base string, changes ...string) *unstructured.Unstructured {
	content := parse(base)
	for _, change := range changes {
		merge(content, parse(change))
	}
	return &unstructured.Unstructured{Object: content}
}

// named is the change that renames an object.
func named(name string) string {
	return "metadata: {name: " + name + "}"
}

// version is the change that writes an object in another version.
func version(name string) string {
	return "apiVersion: apps.kruise.io/" + name
}

// parse reads YAML as clients read the API: whole numbers are int64.
func parse(text string) map[string]any {
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	ExpectWithOffset(2, err).NotTo(HaveOccurred())
	content := map[string]any{}
	ExpectWithOffset(2, json.Unmarshal(asJSON, &content)).To(Succeed())
	return content
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

// unchecked is what the API server adds when the schema alone refuses an object.
const unchecked = ", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]"

// refusal is what the API server says of an invalid object, without the parts that only name the object or say that
// rules were left out. It is "" when the object was accepted.
func refusal(err error) string {
	if err == nil {
		return ""
	}
	ExpectWithOffset(1, apierrors.IsInvalid(err)).To(BeTrue(), "an error that is no refusal: %v", err)
	_, reason, _ := strings.Cut(err.Error(), " is invalid: ")
	if shorter, more := strings.CutSuffix(reason, unchecked); more {
		return strings.TrimPrefix(shorter, "[")
	}
	return reason
}

// setNested sets a field of an object.
func setNested(obj *unstructured.Unstructured, value any, path ...string) {
	ExpectWithOffset(1, unstructured.SetNestedField(obj.Object, value, path...)).To(Succeed())
}

// containAllOf matches a value that holds everything that want holds: every entry of its maps and, in the same places,
// every item of its lists.
func containAllOf(want any) types.GomegaMatcher {
	switch want := want.(type) {
	case map[string]any:
		matchers := make([]types.GomegaMatcher, 0, len(want))
		for key, value := range want {
			matchers = append(matchers, HaveKeyWithValue(key, containAllOf(value)))
		}
		return And(matchers...)
	case []any:
		matchers := make([]any, 0, len(want))
		for _, item := range want {
			matchers = append(matchers, containAllOf(item))
		}
		return HaveExactElements(matchers...)
	case nil:
		return BeNil()
	default:
		return BeEquivalentTo(want)
	}
}
