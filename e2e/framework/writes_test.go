// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// written is an object as a field manager left it.
func written(kind, manager, value string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"kind": kind,
		"metadata": map[string]any{
			"namespace": "shop", "name": "till", "uid": "1",
			"managedFields": []any{
				map[string]any{"manager": "creator", "time": "2026-01-01T00:00:00Z"},
				map[string]any{"manager": manager, "time": "2026-01-02T00:00:00Z", "subresource": "status"},
			},
		},
		"data": map[string]any{"key": value},
	}}
}

func TestWriteTellsWhatWasDone(t *testing.T) {
	at := time.Date(2026, 1, 2, 8, 30, 0, 0, time.UTC)
	tests := map[string]struct {
		write       Write
		want        string // how it begins
		wantParts   []string
		wantNothing string
	}{
		"an object that was created": {
			write: Write{At: at, After: written("ConfigMap", "operator", "a")},
			want:  "08:30:00 ConfigMap shop/till was created",
		},
		"an object that is gone": {
			write: Write{At: at, Before: written("ConfigMap", "operator", "a")},
			want:  "08:30:00 ConfigMap shop/till was deleted",
		},
		"a change, with who made it and what it changed": {
			write:     Write{At: at, Before: written("ConfigMap", "operator", "old"), After: written("ConfigMap", "webhook", "new")},
			want:      "08:30:00 ConfigMap shop/till was changed, last by webhook/status:\n",
			wantParts: []string{`"old"`, `"new"`},
		},
		"a change of a Secret, without what it holds": {
			write:       Write{At: at, Before: written("Secret", "operator", "hidden"), After: written("Secret", "webhook", "hidden too")},
			want:        "08:30:00 Secret shop/till was changed, last by webhook/status:\n",
			wantNothing: "hidden",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := test.write.String()
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want it to begin with %q", got, test.want)
			}
			for _, part := range test.wantParts {
				if !strings.Contains(got, part) {
					t.Errorf("got %q, want %s in it", got, part)
				}
			}
			if test.wantNothing != "" && strings.Contains(got, test.wantNothing) {
				t.Errorf("got %q, want nothing of %q in it", got, test.wantNothing)
			}
		})
	}
}

func TestWriteHistoryKnowsWhatWasBefore(t *testing.T) {
	ignored := written("ConfigMap", "operator", "ignored")
	ignored.SetUID("2")
	ignored.SetName("other")
	there := written("ConfigMap", "operator", "there")
	h := &WriteHistory{
		objects: map[types.UID]*unstructured.Unstructured{there.GetUID(): there},
		follow:  func(o *unstructured.Unstructured) bool { return o.GetName() == "till" },
	}
	changed, again := written("ConfigMap", "operator", "changed"), written("ConfigMap", "operator", "again")
	h.note(watch.Modified, changed)
	h.note(watch.Added, ignored)
	h.note(watch.Deleted, changed)
	h.note(watch.Added, again)

	writes, err := h.Stop()
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]string
	for i := range writes {
		got = append(got, [2]string{value(writes[i].Before), value(writes[i].After)})
	}
	want := [][2]string{{"there", "changed"}, {"changed", ""}, {"", "again"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects before and after each write (-want +got):\n%s", diff)
	}
}

// value is what an object made by written holds, "" for none.
func value(object *unstructured.Unstructured) string {
	if object == nil {
		return ""
	}
	text, _, _ := unstructured.NestedString(object.Object, "data", "key")
	return text
}
