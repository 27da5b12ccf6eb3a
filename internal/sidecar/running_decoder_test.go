// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// What a Decoder has seen of other Pods changes nothing about the next one, however many there were.
func TestADecoderReadsEveryPodForItself(t *testing.T) {
	before, current := compiled(t, "agent:1"), compiled(t, "agent:2")
	var pods []*corev1.Pod
	for i := range mostHashes/2 + 10 { // two annotations each
		for j, set := range []*Set{before, current} {
			pod := build.MakePod(fmt.Sprintf("web-%d-%d", i, j)).Label("app", "web").New().Obj()
			injection, err := Inject(pod, []*Set{set}, metav1.NewTime(build.Epoch.Add(time.Duration(i)*time.Second)))
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(pod)
			if i == 5 {
				pod.Annotations[v1beta1.SidecarSetHashAnnotation] = "null"
			}
			pods = append(pods, pod)
		}
	}
	decoder := NewDecoder(current)
	for range 2 {
		for i, pod := range pods {
			got, want := decoder.View(pod), NewView(pod, current)
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("%s alone: %+v, among others: %+v", pod.Name, want, got)
			}
			if updated := i%2 == 1 && i/2 != 5; got.Updated() != updated {
				t.Fatalf("%s: updated is %t", pod.Name, got.Updated())
			}
		}
	}
	if len(decoder.hashes) != mostHashes {
		t.Errorf("it remembers %d annotations, want %d", len(decoder.hashes), mostHashes)
	}
}

func compiled(t *testing.T, image string) *Set {
	t.Helper()
	set, err := Compile(build.MakeSidecarSet("s").Container("agent", image).Obj())
	if err != nil {
		t.Fatal(err)
	}
	return set
}
