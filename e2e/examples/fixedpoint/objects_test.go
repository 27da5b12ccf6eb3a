// SPDX-License-Identifier: Apache-2.0

package fixedpoint

import (
	"context"
	"io"
	"regexp"
	"strings"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/examples"
)

// build makes the objects of a directory below examples/.
func build(directory string) []*unstructured.Unstructured {
	tree, err := examples.Load(examplesDir)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	objects, err := tree.Build(directory)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	ExpectWithOffset(1, objects).NotTo(BeEmpty())
	return objects
}

// live reads what the API server has stored.
func live(ctx context.Context, object *unstructured.Unstructured) *unstructured.Unstructured {
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(object.GroupVersionKind())
	ExpectWithOffset(1, k8s.Get(ctx, client.ObjectKeyFromObject(object), stored)).To(Succeed())
	return stored
}

// versions are the resource versions of the stored objects: they tell of any write.
func versions(ctx context.Context, objects []*unstructured.Unstructured) map[string]string {
	found := map[string]string{}
	for _, object := range objects {
		found[examples.Name(object)] = live(ctx, object).GetResourceVersion()
	}
	return found
}

var hash = regexp.MustCompile(`"[a-z0-9]{64}"`)

// filledIn names the fields that the API server added or changed, as "Service ledger: spec.ipFamilies[0]: (absent) ->
// "IPv4"". What it notes of every object is left out, and a hash is called one.
func filledIn(sent, stored *unstructured.Unstructured) []string {
	stored = stored.DeepCopy()
	for _, noted := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(stored.Object, "metadata", noted)
	}
	var out []string
	for _, difference := range examples.Differences(sent.Object, stored.Object) {
		out = append(out, examples.Name(sent)+": "+hash.ReplaceAllString(difference, "a hash"))
	}
	return out
}

// run runs kubectl and returns what it prints, line by line.
func run(arguments ...string) []string {
	stdout, stderr, err := kubectl.Run(arguments...)
	ExpectWithOffset(1, err).NotTo(HaveOccurred(), "kubectl %s", strings.Join(arguments, " "))
	complaints, err := io.ReadAll(stderr)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	ExpectWithOffset(1, string(complaints)).To(BeEmpty(), "warnings of kubectl %s", strings.Join(arguments, " "))
	printed, err := io.ReadAll(stdout)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return strings.Split(strings.TrimSpace(string(printed)), "\n")
}
