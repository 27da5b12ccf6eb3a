// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// TestPhases keeps a whole SchedPatch of every phase of its life in testdata/phases. The statuses are those that this
// package makes. Tools that read them, kstatus and the health checks of Argo CD, are tried on these files in
// e2e/contract.
func TestPhases(t *testing.T) {
	contradicting := pod("cart-1", time.Minute).Obj()
	contradicting.Spec.NodeSelector = map[string]string{"zone": "b"}
	gone := func(s *Snapshot) { s.Target = Target{} }
	for name, object := range map[string]*v1alpha1.SchedPatch{
		"unseen":                   makePatch(),
		"waiting-for-target":       seen(t, makePatch(), gone),
		"unknown-kind":             seen(t, makePatch(), func(s *Snapshot) { s.Target = Target{NotServed: true} }),
		"unreadable-target":        seen(t, makePatch(), func(s *Snapshot) { s.Target = Target{Unreadable: "the operator may not read it"} }),
		"active":                   seen(t, makePatch(), nil, patched("cart-1", time.Minute), patched("cart-2", 2*time.Minute)),
		"active-without-Pods":      seen(t, makePatch(), nil),
		"active-and-missed":        seen(t, makePatch(), nil, patched("cart-1", time.Minute), pod("cart-2", time.Minute).Obj()),
		"changed-and-not-yet-seen": changed(seen(t, makePatch(), nil, patched("cart-1", time.Minute))),
		"preview": seen(t, makePatch(preview), func(s *Snapshot) {
			s.Template, s.Nodes = template(nil), []*corev1.Node{node("n1", map[string]string{"zone": "a"}), node("n2", nil)}
		}),
		"conflict": seen(t, makePatch(), func(s *Snapshot) { s.Template = template(zoneB) }, contradicting),
		"no-eligible-nodes": seen(t, makePatch(), func(s *Snapshot) {
			s.Template, s.Nodes = template(nil), zones("b", "c")
		}),
		"denying":        seen(t, makePatch(rejects), func(s *Snapshot) { s.Template = template(zoneB) }),
		"not-served":     seen(t, makePatch(), func(s *Snapshot) { s.Served = false }),
		"expired":        seen(t, makePatch(ttl(60)), nil, patched("cart-1", 0)),
		"target-deleted": seen(t, seen(t, makePatch(), nil, patched("cart-1", time.Minute)), gone),
		"invalid":        invalid(makePatch()),
		"being-deleted":  deleted(seen(t, makePatch(), nil, patched("cart-1", time.Minute))),
	} {
		t.Run(name, func(t *testing.T) { comparePhase(t, name, object) })
	}
}

// seen is a patch once the operator has looked at it.
func seen(t *testing.T, object *v1alpha1.SchedPatch, change func(*Snapshot), pods ...*corev1.Pod) *v1alpha1.SchedPatch {
	t.Helper()
	s := snapshotOf(t, object, pods...)
	if change != nil {
		change(s)
	}
	object.Status = *statusOf(s)
	return object
}

// changed is a patch that somebody has changed since.
func changed(object *v1alpha1.SchedPatch) *v1alpha1.SchedPatch {
	object.Spec.NodeSelector = map[string]string{"zone": "b"}
	object.Generation++
	return object
}

func deleted(object *v1alpha1.SchedPatch) *v1alpha1.SchedPatch {
	object.DeletionTimestamp, object.Finalizers = ptr.To(metav1.NewTime(object.CreationTimestamp.Add(time.Hour))),
		[]string{metav1.FinalizerDeleteDependents}
	object.Generation++
	return object
}

func invalid(object *v1alpha1.SchedPatch) *v1alpha1.SchedPatch {
	object.Status = *invalidStatus(object, errors.New("spec.affinity: cannot be read"), object.CreationTimestamp)
	return object
}

func comparePhase(t *testing.T, name string, object *v1alpha1.SchedPatch) {
	t.Helper()
	object.APIVersion, object.Kind = v1alpha1.GroupVersion.String(), "SchedPatch"
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "phases", name+".yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update and read what it writes", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the patch differs from %s (-want +got):\n%s", file, diff)
	}
}
