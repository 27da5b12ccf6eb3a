// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// wholes are the least that an object of a kind has to have, for blocks that show a part of one.
var wholes = map[string]string{
	"sidecarset": `{apiVersion: apps.kruise.io/v1beta1, kind: SidecarSet, metadata: {name: a-page}, spec: {
		selector: {matchLabels: {a: page}}, containers: [{name: a-page, image: "registry.k8s.io/pause:3.10"}]}}`,
	"statefulset": `{apiVersion: apps.kruise.io/v1beta1, kind: StatefulSet, metadata: {name: a-page}, spec: {
		selector: {matchLabels: {a: page}}, serviceName: a-page, template: {metadata: {labels: {a: page}}, spec: {
			containers: [{name: a-page, image: "registry.k8s.io/pause:3.10"}]}}}}`,
	"schedpatch": `{apiVersion: apps.kruise.io/v1alpha1, kind: SchedPatch, metadata: {name: a-page}, spec: {
		targetRef: {apiVersion: apps/v1, kind: Deployment, name: a-page}}}`,
}

// Manifests are the objects of a YAML block, complete, and all of them in the namespace default, where one of them has a
// namespace: that of the page need not exist.
func (b *Block) Manifests() (string, error) {
	var out []string
	for document := range strings.SplitSeq(b.Text, "\n---\n") {
		manifest, err := b.manifest(document)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", b.Line, err)
		}
		out = append(out, manifest)
	}
	return strings.Join(out, "\n---\n"), nil
}

func (b *Block) manifest(document string) (string, error) {
	object := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
		return "", err
	}
	if b.PartOf != "" {
		whole := map[string]any{}
		if err := yaml.Unmarshal([]byte(wholes[b.PartOf]), &whole); err != nil {
			return "", err
		}
		if isPartOfSpec(object) {
			object = map[string]any{"spec": object}
		}
		object = merge(whole, object)
	}
	if object["apiVersion"] == nil || object["kind"] == nil {
		return "", fmt.Errorf("it is no object: say in a comment before it of what it is a part, begin it with \"# chart values\", or say why it is not run")
	}
	if metadata, ok := object["metadata"].(map[string]any); ok && metadata["namespace"] != nil {
		metadata["namespace"] = "default"
	}
	text, err := yaml.Marshal(object)
	return string(text), err
}

// isPartOfSpec reports whether a part begins below spec.
func isPartOfSpec(part map[string]any) bool {
	return !slices.ContainsFunc(slices.Collect(maps.Keys(part)), func(key string) bool {
		return key == "apiVersion" || key == "kind" || key == "metadata" || key == "spec"
	})
}

// merge puts one object over another. Lists are replaced.
func merge(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	for key, value := range over {
		below, isMap := out[key].(map[string]any)
		above, isMapToo := value.(map[string]any)
		if isMap && isMapToo {
			value = merge(below, above)
		}
		out[key] = value
	}
	return out
}
