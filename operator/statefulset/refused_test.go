// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// denied is the answer of a policy.
func denied(name string) error {
	return apierrors.NewForbidden(cluster.ResourceOf("pods"), name, errDenied)
}

var errDenied = errorText("v2 is not released")

type errorText string

func (e errorText) Error() string { return string(e) }

// refusesImage is a policy against Pods with an image: new ones, or changes, of those that it is asked about.
func refusesImage(image string, of ...string) func(before, after client.Object) error {
	return func(_, after client.Object) error {
		pod, ok := after.(*corev1.Pod)
		if !ok || pod.Spec.Containers[0].Image != image || len(of) > 0 && !slices.Contains(of, pod.Name) {
			return nil
		}
		return denied(pod.Name)
	}
}

// refusesDeletion is a policy against the deletion of some Pods.
func refusesDeletion(of ...string) func(before, after client.Object) error {
	return func(before, after client.Object) error {
		if pod, ok := before.(*corev1.Pod); ok && after == nil && slices.Contains(of, pod.Name) {
			return denied(pod.Name)
		}
		return nil
	}
}

// lasts lets a time pass in which everybody acts every second. It returns the most Pods that did not serve at once.
func (w *world) lasts(seconds int) (down int) {
	for range seconds {
		w.cache.Sync()
		w.reconcile(context.Background())
		w.nodes()
		w.Pass(time.Second)
		notServing := 0
		for _, pod := range w.Pods() {
			if !serves(pod) {
				notServing++
			}
		}
		down = max(down, notServing+max(0, int(*w.set("web").Spec.Replicas)-len(w.Pods())))
	}
	return down
}

// images are those of all Pods, by name.
func (w *world) images() string {
	var out []string
	for _, pod := range w.Pods() {
		out = append(out, strings.TrimPrefix(pod.Name, "web-")+" "+pod.Spec.Containers[0].Image)
	}
	return strings.Join(out, ", ")
}

func TestARefusedUpdateCostsNothingAndStopsNobody(t *testing.T) {
	four := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web").Replicas(4).Parallel() }
	inPlace := func() *build.StatefulSetBuilder { return four().InPlace() }
	marking := hook()
	marking.MarkPodNotReady = true
	for name, test := range map[string]struct {
		set    *build.StatefulSetBuilder
		policy func(before, after client.Object) error
		// down is how many Pods do not serve at once, images what they have in the end.
		down   int
		images string
		ready  string
	}{
		"a change in place that is refused everywhere": {
			inPlace().MaxUnavailable("50%"), refusesImage("app:2"), 0, "0 app:1, 1 app:1, 2 app:1, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 0 of 4 Pods done. The API server refused 4 writes, the first: change Pod web-0: pods "web-0" is forbidden: v2 is not released.`,
		},
		"a change in place that waits for a grace period": {
			inPlace().Grace(5), refusesImage("app:2"), 0, "0 app:1, 1 app:1, 2 app:1, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 0 of 4 Pods done. The API server refused 4 writes, the first: change Pod web-0: pods "web-0" is forbidden: v2 is not released.`,
		},
		"one Pod is refused, the others go on": {
			inPlace(), refusesImage("app:2", "web-3"), 1, "0 app:2, 1 app:2, 2 app:2, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 3 of 4 Pods done. The API server refused this: change Pod web-3: pods "web-3" is forbidden: v2 is not released.`,
		},
		"one Pod of an ordered set is refused, the others go on": {
			build.MakeStatefulSet("web").Replicas(4).InPlace(), refusesImage("app:2", "web-3"), 1, "0 app:2, 1 app:2, 2 app:2, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 3 of 4 Pods done. The API server refused this: change Pod web-3: pods "web-3" is forbidden: v2 is not released.`,
		},
		"new Pods are refused": {
			four().MaxUnavailable("50%"), refusesImage("app:2"), 0, "0 app:1, 1 app:1, 2 app:1, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 0 of 4 Pods done. The API server refused 4 writes, the first: replace Pod web-0: pods "web-0" is forbidden: v2 is not released.`,
		},
		"the deletion of one Pod is refused": {
			four(), refusesDeletion("web-3"), 1, "0 app:2, 1 app:2, 2 app:2, 3 app:1",
			`False PodsUpdating: Update to revision <app:2>: 3 of 4 Pods done. The API server refused this: replace Pod web-3: pods "web-3" is forbidden: v2 is not released.`,
		},
		"a change that waits for a hook that takes the Pod out of service": {
			inPlace().InPlaceUpdate(marking), refusesImage("app:2"), 0, "0 app:1, 1 app:1, 2 app:1, 3 app:1", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, test.set)
			if test.set.Obj().Spec.Lifecycle != nil {
				w.hold(finalizer, "web-0", "web-1", "web-2", "web-3")
			}
			w.writer.Policy = test.policy
			w.image("app:2")
			got := []any{w.lasts(120), w.images()}
			if diff := cmp.Diff([]any{test.down, test.images}, got); diff != "" {
				t.Errorf("down at most, and images in the end (-want +got):\n%s\n%s", diff, w.tail())
			}
			if said := w.said(&w.set("web").Status, v1beta1.ConditionReady); test.ready != "" && said != test.ready {
				t.Errorf("Ready is\n%s, want\n%s", said, test.ready)
			}
			if tries := len(w.writer.Requests); tries > 120 {
				t.Errorf("%d requests in two minutes", tries)
			}

			w.writer.Policy = nil
			w.lasts(120)
			if want := "0 app:2, 1 app:2, 2 app:2, 3 app:2"; test.set.Obj().Spec.Lifecycle == nil && w.images() != want {
				t.Errorf("with the policy gone there are %s\n%s", w.images(), w.tail())
			}
		})
	}
}

// A resize is not carried out when the rest of the change is refused: going back would find a Pod that says that it
// never left.
func TestNeverHalfOfAChange(t *testing.T) {
	w := settled(t, build.MakeStatefulSet("web").Replicas(1).InPlace().Spec(func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}
	}))
	w.writer.Policy = refusesImage("app:2")
	w.edit("an image and cpu", func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Image = "app:2"
		spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("20m")
	})
	if down := w.lasts(30); down > 0 {
		t.Errorf("%d Pods were taken down", down)
	}
	if cpu := w.pod("web-0").Spec.Containers[0].Resources.Requests.Cpu().String(); cpu != "10m" {
		t.Errorf("the Pod has %s of cpu, want 10m", cpu)
	}
	w.writer.Policy = nil
	w.lasts(60)
	pod := w.pod("web-0").Spec.Containers[0]
	if pod.Image != "app:2" || pod.Resources.Requests.Cpu().String() != "20m" {
		t.Errorf("the Pod has %s and %s", pod.Image, pod.Resources.Requests.Cpu())
	}
}

// What refuses sixteen refuses hundreds, and asking costs a write each.
func TestThousandsOfPodsAreNotAskedAboutOverAndOver(t *testing.T) {
	w := settled(t, build.MakeStatefulSet("web").Replicas(200).Parallel().InPlace().MaxUnavailable("50%"))
	w.writer.Policy = refusesImage("app:2")
	w.image("app:2")
	if down := w.lasts(60); down > 0 {
		t.Errorf("%d Pods were taken down", down)
	}
	tries := 0
	for _, r := range w.writer.Requests {
		if strings.HasPrefix(r.Verb, "try") {
			tries++
		}
	}
	if tries < 16 || tries > 250 {
		t.Errorf("%d questions in a minute", tries)
	}
}
