// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// planCase is a world and what is decided in it.
type planCase struct {
	start func(t *testing.T) *world
	want  []string
}

func checkPlans(t *testing.T, cases map[string]planCase) {
	t.Helper()
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.start(t).decide()); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// decide is what the operator would do now, as text, in which a revision that is yet to be recorded is called <new>.
func (w *world) decide() (out []string) {
	w.T.Helper()
	plan := w.plan()
	for _, line := range plan.lines() {
		out = append(out, strings.ReplaceAll(w.short(line), plan.Revisions.Update, "<new>"))
	}
	return out
}

func web() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }

// unready lets Pods run and not be ready.
func (w *world) unready(names ...string) *world {
	for _, name := range names {
		w.changePod(name, func(pod *corev1.Pod) {
			w.Flaky[pod.UID] = true
			w.SetReady(pod, false)
		})
	}
	return w
}

// waiting lets the first container of Pods wait for a reason.
func (w *world) waiting(reason string, names ...string) *world {
	w.unready(names...)
	for _, name := range names {
		w.changePod(name, func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
		})
	}
	return w
}

func (w *world) labelled(key, value string, names ...string) *world {
	for _, name := range names {
		w.changePod(name, func(pod *corev1.Pod) { metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value) })
	}
	return w
}

func (w *world) inState(state v1beta1.LifecycleStateType, names ...string) *world {
	return w.labelled(v1beta1.LifecycleStateLabel, string(state), names...)
}

func (w *world) withImage(image string) *world {
	w.T.Helper()
	w.image(image)
	return w
}

func (w *world) withReplicas(count int32) *world {
	w.T.Helper()
	w.replicas(count)
	return w
}

// without removes Pods; nothing is left of them.
func (w *world) without(names ...string) *world {
	for _, name := range names {
		w.remove(cluster.Pod, name)
	}
	return w
}

// going deletes Pods that have not stopped yet.
func (w *world) going(names ...string) *world {
	w.T.Helper()
	for _, name := range names {
		w.deletePod(name)
	}
	return w
}
