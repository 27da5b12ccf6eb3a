// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// A patch that has ended takes no nodes from new Pods.
func TestNodesOfASchedPatchUntilItEnds(t *testing.T) {
	patch := build.MakeSchedPatch("spot").NodeSelector("disk", "ssd").TTL(time.Hour).Obj()
	template := TemplateIn(map[string]any{"spec": map[string]any{"template": map[string]any{
		"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app:1"}}},
	}}})
	around := &Surroundings{SchedPatches: []v1alpha1.SchedPatch{*patch}, Templates: map[string]*Template{"spot": template}}
	nodes := []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}}
	at := func(age time.Duration) *Nodes {
		return NodesOf(patch, &Subject{Template: template}, around, nodes, build.Epoch.Add(age))
	}
	if diff := cmp.Diff(&Nodes{Lost: []string{"node-1"}}, at(time.Minute)); diff != "" {
		t.Errorf("before its end (-want +got):\n%s", diff)
	}
	if after := at(time.Hour); after != nil {
		t.Errorf("at its end: %+v", after)
	}
}
