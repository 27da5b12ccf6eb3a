// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func load(t testing.TB, file string, into any) {
	t.Helper()
	data, err := os.ReadFile("../sidecar/testdata/openkruise/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// recorded are the Pods of StatefulSets in mid-rollout, by name.
func recorded(t testing.TB) map[string]*corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	load(t, "midway-pods.json", &pods)
	out := map[string]*corev1.Pod{}
	for i := range pods.Items {
		if pods.Items[i].Labels["controller-revision-hash"] != "" {
			out[pods.Items[i].Name] = &pods.Items[i]
		}
	}
	return out
}

func revision(t testing.TB, name string) *corev1.PodTemplateSpec {
	t.Helper()
	var revisions appsv1.ControllerRevisionList
	load(t, "midway-revisions.json", &revisions)
	for i := range revisions.Items {
		if revisions.Items[i].Name == name {
			decoded, err := podtemplate.Decode(revisions.Items[i].Data.Raw)
			if err != nil {
				t.Fatal(err)
			}
			return podtemplate.Defaulted(decoded)
		}
	}
	t.Fatalf("revision %s was not recorded", name)
	return nil
}

func TestRecordedPodsWaitForWhatOpenKruiseLeft(t *testing.T) {
	const grace = "its change waits for the end of a grace period of 3600s"
	want := map[string]string{"hooked-0": "", "hooked-1": "", "recreate-0": "", "recreate-1": "", "web-0": "", "web-2": grace, "web-3": grace}
	got := map[string]string{}
	for name, pod := range recorded(t) {
		got[name] = inplace.Unfinished(pod)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
}

func TestTheRecordedGracePeriodIsCarriedToItsEnd(t *testing.T) {
	pod := recorded(t)["web-2"]
	began := time.Date(2026, 11, 22, 12, 1, 56, 0, time.UTC)
	edits, wait, ok := inplace.Pending(pod, metav1.NewTime(began.Add(10*time.Minute)))
	if want := 50 * time.Minute; wait != want || !ok || !edits.Empty() {
		t.Errorf("after ten minutes: Pending = %v, %s, %t, want nothing, %s, true", edits, wait, ok, want)
	}
	edits, wait, ok = inplace.Pending(pod, metav1.NewTime(began.Add(time.Hour)))
	if wait != 0 || !ok {
		t.Errorf("after an hour: Pending = %s, %t, want 0, true", wait, ok)
	}
	changed := apply(t, edits, pod)
	if diff := cmp.Diff("registry.example/web:2", changed.Spec.Containers[0].Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("container main still runs registry.example/web:1, waiting for registry.example/web:2", inplace.Unfinished(changed)); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
	build.RunContainers(changed)
	if diff := cmp.Diff("", inplace.Unfinished(changed)); diff != "" {
		t.Errorf("Unfinished in the end (-want +got):\n%s", diff)
	}
	if _, _, ok := inplace.Pending(changed, metav1.NewTime(began.Add(time.Hour))); ok {
		t.Error("there is still something pending")
	}
}

// What OpenKruise would have done in place, Windlass does in place.
func TestRecordedRevisionsDifferByTheirImages(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string
		want     inplace.Change
	}{
		"hooked waits for a hook": {
			"hooked-854dff4cbd", "hooked-d7f9b97df", inplace.Change{Images: map[string]string{"main": "registry.example/hooked:2"}},
		},
		"web, of which one Pod stays behind the partition": {
			"web-596dd7ff87", "web-596cf7cbc4", inplace.Change{Images: map[string]string{"main": "registry.example/web:2"}},
		},
		"recreate, which was not asked to change in place": {
			"recreate-58dd9c9654", "recreate-fdf657457", inplace.Change{Images: map[string]string{"main": "registry.example/recreate:2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			change, fixed := inplace.Difference(revision(t, test.from), revision(t, test.to), true)
			if diff := cmp.Diff(test.want, change) + cmp.Diff([]string(nil), fixed); diff != "" {
				t.Errorf("difference (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRecordedHookedPodCanBeChanged(t *testing.T) {
	pod := recorded(t)["hooked-1"]
	change, _ := inplace.Difference(revision(t, "hooked-854dff4cbd"), revision(t, "hooked-d7f9b97df"), true)
	edits, err := inplace.Begin(pod, change, "hooked-d7f9b97df", now)
	if err != nil {
		t.Fatal(err)
	}
	changed := apply(t, edits, pod)
	build.RunContainers(changed)
	if diff := cmp.Diff("registry.example/hooked:2", changed.Status.ContainerStatuses[0].Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("", inplace.Unfinished(changed)); diff != "" {
		t.Errorf("Unfinished (-want +got):\n%s", diff)
	}
}
