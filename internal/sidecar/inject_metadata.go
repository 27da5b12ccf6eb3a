// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// patchMetadata lets the sets patch the Pod's annotations, one after another, and returns what they then are.
func (in *Injection) patchMetadata(existing map[string]string, sets []*Set) map[string]string {
	merged := maps.Clone(existing)
	for _, set := range sets {
		changes, warnings := PatchedAnnotations(set, merged)
		in.Warnings = append(in.Warnings, warnings...)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, changes)
		maps.Copy(in.Annotations, changes)
	}
	return merged
}

// PatchedAnnotations computes what the set's patchPodMetadata changes in the annotations of a Pod, nil when it changes
// nothing. Applying it twice is the same as applying it once. A value that cannot be merged is left as it is, and a
// warning says why.
func PatchedAnnotations(set *Set, existing map[string]string) (changes map[string]string, warnings []string) {
	for i := range set.Spec.PatchPodMetadata {
		patch := &set.Spec.PatchPodMetadata[i]
		for _, key := range slices.Sorted(maps.Keys(patch.Annotations)) {
			old, exists := existing[key]
			if changed, ok := changes[key]; ok {
				old, exists = changed, true
			}
			value, err := patchedValue(patch.PatchPolicy, old, exists, patch.Annotations[key])
			if err != nil {
				warnings = append(warnings, fmt.Sprintf("SidecarSet %s leaves annotation %s as it is: %v", set.Name(), key, err))
				continue
			}
			if exists && value == old {
				continue
			}
			if changes == nil {
				changes = map[string]string{}
			}
			changes[key] = value
		}
	}
	return changes, warnings
}

func patchedValue(policy v1beta1.SidecarSetPatchPolicyType, old string, exists bool, value string) (string, error) {
	switch policy {
	case v1beta1.SidecarSetOverwritePatchPolicy:
		return value, nil
	case v1beta1.SidecarSetMergePatchJSONPatchPolicy:
		return mergePatch(old, value)
	default:
		if exists {
			return old, nil
		}
		return value, nil
	}
}

// mergePatch merges JSON texts as RFC 7386 says. A text that says already what the merge results in is kept as it is
// written: the Pod's, or else the patch's own when the Pod has none.
func mergePatch(old, patch string) (string, error) {
	with, err := decodeJSON(patch)
	if err != nil {
		return "", fmt.Errorf("patchPodMetadata has a value that is no JSON, which MergePatchJson needs: %w", err)
	}
	text, target := old, any(nil)
	if old == "" {
		text = patch
	} else if target, err = decodeJSON(old); err != nil {
		return "", fmt.Errorf("the Pod's value is no JSON, which MergePatchJson needs: %w", err)
	}
	merged := mergeJSON(target, with)
	// Decoded anew, because merging changes what it is given.
	if said, err := decodeJSON(text); err == nil && reflect.DeepEqual(said, merged) {
		return text, nil
	}
	return encodeJSON(merged)
}

// mergeJSON is the algorithm of RFC 7386. It may modify the target.
func mergeJSON(target, patch any) any {
	fields, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for key, value := range fields {
		if value == nil {
			delete(object, key) // null removes
			continue
		}
		object[key] = mergeJSON(object[key], value)
	}
	return object
}

// decodeJSON reads one JSON value. Numbers stay as they are written.
func decodeJSON(text string) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the end of the value")
	}
	return out, nil
}

// encodeJSON writes a value on one line, with sorted keys.
func encodeJSON(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("encode the merged value: %w", err)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}
