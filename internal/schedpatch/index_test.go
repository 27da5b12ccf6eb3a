// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/internal/schedpatch"
)

func names(patches []*schedpatch.Patch) []string {
	var out []string
	for _, patch := range patches {
		out = append(out, patch.Name())
	}
	return out
}

func target(t *testing.T, apiVersion, kind, name string) schedpatch.Target {
	t.Helper()
	out, ok := schedpatch.TargetOfOwner(&metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name})
	if !ok {
		t.Fatalf("%s cannot be read", apiVersion)
	}
	return out
}

func TestIndex(t *testing.T) {
	index := schedpatch.NewIndex()
	cart := target(t, "apps/v1", "Deployment", "cart")
	replicaSet, job := schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "batch", Kind: "Job"}
	look := func() map[string]any {
		return map[string]any{
			"cart":        names(index.For("default", cart)),
			"db":          names(index.For("default", target(t, "apps/v1beta2", "StatefulSet", "db"))),
			"our db":      names(index.For("default", target(t, "apps.kruise.io/v1beta1", "StatefulSet", "db"))),
			"replicasets": names(index.AllThrough("default", replicaSet)),
			"through":     []bool{index.Through("default", replicaSet), index.Through("default", job)},
			"elsewhere":   names(index.For("bank", cart)),
			"has":         []bool{index.Has("default"), index.Has("bank")},
		}
	}
	index.Put(compile(t, ssd("b")))
	index.Put(compile(t, ssd("a")))
	index.Put(compile(t, ssd("first").Priority(1)))
	index.Put(compile(t, ssd("db").Target("apps/v1", "StatefulSet", "db")))
	want := map[string]any{
		"cart": []string{"first", "a", "b"}, "db": []string{"db"}, "our db": []string(nil),
		"replicasets": []string{"first", "a", "b"}, "through": []bool{true, false},
		"elsewhere": []string(nil), "has": []bool{true, false},
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("after adding (-want +got):\n%s", diff)
	}

	index.Put(compile(t, ssd("a").Target("batch/v1", "CronJob", "night")))
	index.Delete(types.NamespacedName{Namespace: "default", Name: "first"})
	index.Delete(types.NamespacedName{Namespace: "default", Name: "unknown"})
	want["cart"], want["replicasets"], want["through"] = []string{"b"}, []string{"b"}, []bool{true, true}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("after changing (-want +got):\n%s", diff)
	}

	for _, name := range []string{"a", "b", "db"} {
		index.Delete(types.NamespacedName{Namespace: "default", Name: name})
	}
	want = map[string]any{
		"cart": []string(nil), "db": []string(nil), "our db": []string(nil), "replicasets": []string(nil),
		"through": []bool{false, false}, "elsewhere": []string(nil), "has": []bool{false, false},
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("after deleting (-want +got):\n%s", diff)
	}
}
