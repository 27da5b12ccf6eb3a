// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writers says of labels of an object by whom they were written, and when at the latest, as far as the object keeps
// that: the time is that of the writer's last change of the object, whichever it was.
func writers(what string, object metav1.Object, keys []string) []string {
	var out []string
	for _, key := range keys {
		value, has := object.GetLabels()[key]
		if !has {
			continue
		}
		for _, entry := range object.GetManagedFields() {
			if entry.Time != nil && ownsLabel(&entry, key) {
				out = append(out, fmt.Sprintf("label %s=%s of %s was written by %s, at %s at the latest",
					key, value, what, cmp.Or(entry.Manager, "somebody"), clock(*entry.Time)))
			}
		}
	}
	return out
}

// ownsLabel reports whether a writer has written a label.
func ownsLabel(entry *metav1.ManagedFieldsEntry, key string) bool {
	if entry.FieldsV1 == nil {
		return false
	}
	var fields struct {
		Metadata struct {
			Labels map[string]json.RawMessage `json:"f:labels"`
		} `json:"f:metadata"`
	}
	if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	_, owns := fields.Metadata.Labels["f:"+key]
	return owns
}

// clock is a time for people, as conditions have it.
func clock(at metav1.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
