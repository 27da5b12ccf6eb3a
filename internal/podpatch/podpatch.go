// SPDX-License-Identifier: Apache-2.0

// Package podpatch writes patches of Pods that a trimmed cache holds. A patch says which Pod it is for and what the
// writer saw of everything that it changes; when any of that has changed since, the API server refuses the whole patch.
// What the kubelet writes meanwhile gets in the way only where a patch asks for it: see Unchanged and StillNotReady.
package podpatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/podcache"
)

// Patch collects changes of one Pod. Calls that would change nothing leave it as it is, and of two calls about the same
// key the later one counts.
//
// The Pod must be one that the API server sent, whole or trimmed by internal/podcache: nil annotations mean that there
// are none, whereas empty ones mean that the cache keeps none of those there are.
type Patch struct {
	pod                 *corev1.Pod
	labels, annotations map[string]*string
	finalizers          []string
	owners              []metav1.OwnerReference
	ownersChanged       bool
	preconditions       []jsonpatch.Operation
	containers          []jsonpatch.Operation
}

// New starts a patch of a Pod, which is not modified.
func New(pod *corev1.Pod) *Patch {
	return &Patch{pod: pod, finalizers: slices.Clone(pod.Finalizers)}
}

// Label sets a label.
func (p *Patch) Label(key, value string) *Patch {
	put(&p.labels, p.pod.Labels, key, &value)
	return p
}

// RemoveLabel removes a label.
func (p *Patch) RemoveLabel(key string) *Patch {
	put(&p.labels, p.pod.Labels, key, nil)
	return p
}

// Annotation sets an annotation.
func (p *Patch) Annotation(key, value string) *Patch {
	put(&p.annotations, p.pod.Annotations, key, &value)
	return p
}

// RemoveAnnotation removes an annotation.
func (p *Patch) RemoveAnnotation(key string) *Patch {
	put(&p.annotations, p.pod.Annotations, key, nil)
	return p
}

// put notes the value that a key is to have, nil for none, unless it has it.
func put(changes *map[string]*string, seen map[string]string, key string, value *string) {
	before, exists := seen[key]
	if exists == (value != nil) && (value == nil || before == *value) {
		delete(*changes, key)
		return
	}
	if *changes == nil {
		*changes = map[string]*string{}
	}
	(*changes)[key] = value
}

// AddFinalizer adds a finalizer.
func (p *Patch) AddFinalizer(name string) *Patch {
	if !slices.Contains(p.finalizers, name) {
		p.finalizers = append(p.finalizers, name)
	}
	return p
}

// RemoveFinalizer removes a finalizer.
func (p *Patch) RemoveFinalizer(name string) *Patch {
	p.finalizers = slices.DeleteFunc(p.finalizers, func(f string) bool { return f == name })
	return p
}

// OwnerReferences replaces the owners.
func (p *Patch) OwnerReferences(owners []metav1.OwnerReference) *Patch {
	p.owners, p.ownersChanged = owners, !equality.Semantic.DeepEqual(owners, p.pod.OwnerReferences)
	return p
}

// Empty reports whether nothing would change. No patch at all is empty too.
func (p *Patch) Empty() bool {
	return p == nil || len(p.labels)+len(p.annotations)+len(p.containers) == 0 && !p.ownersChanged &&
		slices.Equal(p.finalizers, p.pod.Finalizers)
}

// JSON renders the patch, an RFC 6902 document. The order of its operations depends on nothing but the calls.
func (p *Patch) JSON() ([]byte, error) {
	data, err := json.Marshal(p.operations())
	if err != nil {
		return nil, fmt.Errorf("encode a patch of Pod %s/%s: %w", p.pod.Namespace, p.pod.Name, err)
	}
	return data, nil
}

func (p *Patch) operations() []jsonpatch.Operation {
	return slices.Concat(
		[]jsonpatch.Operation{test("/metadata/uid", p.pod.UID)},
		p.preconditions,
		texts("labels", p.pod.Labels, len(p.pod.Labels) > 0, p.labels),
		texts("annotations", p.pod.Annotations, p.pod.Annotations != nil, p.annotations),
		list("finalizers", p.pod.Finalizers, p.finalizers, slices.Equal(p.pod.Finalizers, p.finalizers)),
		list("ownerReferences", p.pod.OwnerReferences, p.owners, !p.ownersChanged),
		p.containers,
	)
}

// texts changes labels or annotations. Where there are none at all, adding to them is refused, so that case sets all of
// them at once.
func texts(field string, seen map[string]string, exist bool, changes map[string]*string) []jsonpatch.Operation {
	if len(changes) == 0 {
		return nil
	}
	if !exist {
		all := map[string]string{}
		for key, value := range changes {
			all[key] = *value // a key that is not there is never removed
		}
		path := Pointer("metadata", field)
		return []jsonpatch.Operation{absent(path), set(path, all)}
	}
	var out []jsonpatch.Operation
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		path, value := Pointer("metadata", field, key), changes[key]
		before, exists := seen[key]
		switch {
		case exists:
			out = append(out, test(path, before))
		case key != podcache.DroppedAnnotation:
			out = append(out, absent(path))
		}
		if value == nil {
			out = append(out, jsonpatch.NewOperation("remove", path, nil))
		} else {
			out = append(out, set(path, *value))
		}
	}
	return out
}

// list changes a list of the metadata as a whole.
func list[T any](field string, seen, wanted []T, same bool) []jsonpatch.Operation {
	if same || len(seen)+len(wanted) == 0 {
		return nil
	}
	path := Pointer("metadata", field)
	seenNow := absent(path)
	if len(seen) > 0 {
		seenNow = test(path, seen)
	}
	if len(wanted) == 0 {
		return []jsonpatch.Operation{seenNow, jsonpatch.NewOperation("remove", path, nil)}
	}
	return []jsonpatch.Operation{seenNow, set(path, wanted)}
}

func test(path string, value any) jsonpatch.Operation {
	return jsonpatch.NewOperation("test", path, value)
}

// absent tests that there is nothing at a path, whose parent must exist.
func absent(path string) jsonpatch.Operation {
	return jsonpatch.NewOperation("test", path, json.RawMessage("null"))
}

// set gives a member of an object a value, whether or not it is there.
func set(path string, value any) jsonpatch.Operation {
	return jsonpatch.NewOperation("add", path, value)
}
