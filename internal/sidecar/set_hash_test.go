// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func load(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "openkruise", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func compile(t *testing.T, object *v1beta1.SidecarSet) *sidecar.Set {
	t.Helper()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestHashesAreThoseThatOpenKruiseRecorded(t *testing.T) {
	for _, file := range []string{"created-sidecarsets.json", "midway-sidecarsets.json"} {
		var list v1beta1.SidecarSetList
		load(t, file, &list)
		if len(list.Items) != 4 {
			t.Fatalf("%s holds %d SidecarSets, want 4", file, len(list.Items))
		}
		for i := range list.Items {
			object := &list.Items[i]
			t.Run(file+"/"+object.Name, func(t *testing.T) {
				want := sidecar.Hashes{
					Full:         object.Annotations[v1beta1.SidecarSetHashAnnotation],
					WithoutImage: object.Annotations[v1beta1.SidecarSetHashWithoutImageAnnotation],
				}
				if diff := cmp.Diff(want, compile(t, object).Hashes); diff != "" {
					t.Errorf("hashes (-recorded +computed):\n%s", diff)
				}
			})
		}
	}
}

// What users apply has no defaults in it; the hash must be the same.
func TestHashesDoNotDependOnStoredDefaults(t *testing.T) {
	var list v1beta1.SidecarSetList
	load(t, "created-sidecarsets.json", &list)
	for i := range list.Items {
		stored := &list.Items[i]
		t.Run(stored.Name, func(t *testing.T) {
			applied := &v1beta1.SidecarSet{}
			if err := json.Unmarshal([]byte(stored.Annotations[corev1.LastAppliedConfigAnnotation]), applied); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compile(t, stored).Hashes, compile(t, applied).Hashes); diff != "" {
				t.Errorf("hashes (-stored +applied):\n%s", diff)
			}
		})
	}
}

func TestWhatChangesWhichHash(t *testing.T) {
	base := func() *build.SidecarSetBuilder {
		return build.MakeSidecarSet("s").Container("agent", "agent:1").InitContainer("setup", "setup:1")
	}
	type changed struct{ Full, WithoutImage bool }
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarSetSpec)
		want   changed
	}{
		"an image changes the full one only": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Image = "agent:2" }, changed{Full: true}},
		"an argument changes both": {
			func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Args = []string{"-v"} }, changed{true, true}},
		"a field of ours inside a container changes both": {
			func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].PodInjectPolicy = v1beta1.AfterAppContainerType
			}, changed{true, true}},
		"a plain init container changes nothing": {
			func(s *v1beta1.SidecarSetSpec) { s.InitContainers[0].Image = "setup:2" }, changed{}},
		"a native sidecar brings in all init containers": {
			func(s *v1beta1.SidecarSetSpec) {
				always := corev1.ContainerRestartPolicyAlways
				s.InitContainers[0].RestartPolicy = &always
			}, changed{true, true}},
		"the strategy changes nothing": {
			func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.Paused = true }, changed{}},
		"an explicit default changes nothing": {
			func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
			}, changed{}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := compile(t, base().Obj()).Hashes, compile(t, base().Spec(test.change).Obj()).Hashes
			got := changed{before.Full != after.Full, before.WithoutImage != after.WithoutImage}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}
