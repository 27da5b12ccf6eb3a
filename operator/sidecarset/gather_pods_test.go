// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// Labels that are of one Pod alone are in no index; a set that selects by them finds its Pods all the same.
func TestPodsAreFoundWhateverLabelsASetDemands(t *testing.T) {
	const name, revision = "statefulset.kubernetes.io/pod-name", "controller-revision-hash"
	var pods []client.Object
	for _, pod := range []string{"web-0", "web-1", "db-0"} {
		pods = append(pods, build.MakePod(pod).Namespace("shop").Label("app", pod[:len(pod)-2]).Label(name, pod).Label(revision, "of-"+pod).Obj())
	}
	in := func(key string, values ...string) metav1.LabelSelectorRequirement {
		return metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}
	}
	for title, test := range map[string]struct {
		selector   metav1.LabelSelector
		want, read []string
	}{
		"a label of many Pods": {
			metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, []string{"web-0", "web-1"}, []string{"web-0", "web-1"},
		},
		"a label of one Pod": {
			metav1.LabelSelector{MatchLabels: map[string]string{name: "web-1"}}, []string{"web-1"}, []string{"db-0", "web-0", "web-1"},
		},
		"both": {
			metav1.LabelSelector{MatchLabels: map[string]string{name: "web-1", "app": "web"}}, []string{"web-1"}, []string{"web-0", "web-1"},
		},
		"labels of a few Pods": {
			metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{in(revision, "of-web-0", "of-db-0"), in("app", "db", "web", "other")}},
			[]string{"db-0", "web-0"}, []string{"db-0", "web-0", "web-1"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
			object.Spec.Selector = &test.selector
			set := compile(t, object)
			found, err := gathererOf(t, object, pods...).pods(t.Context(), set)
			if err != nil {
				t.Fatal(err)
			}
			var got, read []string
			for i := range found {
				read = append(read, found[i].Name)
				if set.MatchesPod(found[i].Labels) {
					got = append(got, found[i].Name)
				}
			}
			slices.Sort(got)
			slices.Sort(read)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.read, read); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}
