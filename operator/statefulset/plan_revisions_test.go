// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/windlass-operator/windlass/api/v1beta1"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// history is what is recorded, by number, with what the set's status says of it.
func (w *world) history() (out []string) {
	for _, r := range w.recorded() {
		text := fmt.Sprintf("%d %s", r.Revision, w.revisionName(r.Name))
		status := w.set("web").Status
		if r.Name == status.CurrentRevision {
			text += " current"
		}
		if r.Name == status.UpdateRevision {
			text += " update"
		}
		if len(r.OwnerReferences) == 0 {
			text += " orphan"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

func ownedMeta(w *world, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name, OwnerReferences: []metav1.OwnerReference{*controllerRef(w.set("web"))}}
}

func TestRevisions(t *testing.T) {
	for name, test := range map[string]struct {
		start func(t *testing.T) *world
		want  []string
	}{
		"the first one": {
			func(t *testing.T) *world { return newWorld(t, web()) },
			[]string{"1 <app:1> current update"},
		},
		"a new template": {
			func(t *testing.T) *world { return settled(t, web()).withImage("app:2") },
			[]string{"1 <app:1> current", "2 <app:2> update"},
		},
		"an edit of anything else": {
			func(t *testing.T) *world { return settled(t, web()).withReplicas(4) },
			[]string{"1 <app:1> current update"},
		},
		"a template that says what is the default": {
			func(t *testing.T) *world {
				w := settled(t, web())
				w.edit("defaults", func(spec *v1beta1.StatefulSetSpec) {
					spec.Template.Spec.RestartPolicy, spec.Template.Spec.DNSPolicy = corev1.RestartPolicyAlways, corev1.DNSClusterFirst
					spec.Template.Spec.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
				})
				return w
			},
			[]string{"1 <app:1> current update"},
		},
		"back to an earlier template: its revision becomes the newest": {
			func(t *testing.T) *world {
				w := settled(t, web()).withImage("app:2")
				w.roll()
				return w.withImage("app:1")
			},
			[]string{"2 <app:2> current", "3 <app:1> update"},
		},
		"a rollout that is complete": {
			func(t *testing.T) *world {
				w := settled(t, web()).withImage("app:2")
				w.roll()
				return w
			},
			[]string{"1 <app:1>", "2 <app:2> current update"},
		},
		"a rollout in which all Pods are updated but one is not ready is not complete": {
			func(t *testing.T) *world {
				w := settled(t, web().Replicas(1)).withImage("app" + cluster.UnreadyTag)
				w.roll()
				return w
			},
			[]string{"1 <app:1> current", "2 <app:unready> update"},
		},
		"orphans that the selector picks are adopted": {
			leftByAppsV1,
			[]string{"4 <app:1> current update"},
		},
		"data that nobody can read is left alone": {
			func(t *testing.T) *world {
				w := newWorld(t, web())
				w.Add(&appsv1.ControllerRevision{ObjectMeta: ownedMeta(w, "web-unreadable"), Revision: 7, Data: runtime.RawExtension{Raw: []byte(`{"spec":1}`)}})
				return w
			},
			[]string{"7 web-unreadable", "8 <app:1> current update"},
		},
		"history beyond its limit is forgotten, the oldest first": {
			func(t *testing.T) *world {
				w := settled(t, web().Replicas(1).Spec(limit(1)))
				for _, image := range []string{"app:2", "app:3", "app:4"} {
					w.image(image)
					w.roll()
				}
				return w
			},
			[]string{"3 <app:3>", "4 <app:4> current update"},
		},
		"without history only what is used is kept": {
			func(t *testing.T) *world {
				w := settled(t, web().Replicas(2).Spec(limit(0)).Partition(1)).withImage("app:2")
				w.roll()
				w.image("app:3")
				w.roll()
				return w
			},
			[]string{"1 <app:1> current", "3 <app:3> update"},
		},
		"a name that another template has is passed over": {
			func(t *testing.T) *world {
				w := settled(t, web())
				taken := newWorld(t, web().Image("app:2")).plan().Revisions.Create
				w.Add(&appsv1.ControllerRevision{ObjectMeta: ownedMeta(w, taken.Name), Revision: 2, Data: runtime.RawExtension{Raw: []byte(`{"spec":2}`)}})
				return w.withImage("app:2")
			},
			[]string{"1 <app:1> current", "2 web-b8cb96bb9", "3 <app:2> update"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			w.pass()
			if diff := cmp.Diff(test.want, w.history()); diff != "" {
				t.Errorf("revisions (-want +got):\n%s", diff)
			}
		})
	}
}

func limit(count int32) func(spec *v1beta1.StatefulSetSpec) {
	return func(spec *v1beta1.StatefulSetSpec) { spec.RevisionHistoryLimit = &count }
}

// A name that somebody else's object has is known only from the API server's answer. The next look takes another one.
func TestACollisionOfRevisions(t *testing.T) {
	w := settled(t, web())
	taken := newWorld(t, web().Image("app:2")).plan().Revisions.Create
	w.Add(&appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: taken.Name}, Revision: 1, Data: runtime.RawExtension{Raw: []byte(`{}`)}})
	w.image("app:2")
	w.roll()
	for _, pod := range w.Pods() {
		if pod.Spec.Containers[0].Image != "app:2" || pod.Labels[appsv1.ControllerRevisionHashLabelKey] == taken.Name {
			t.Errorf("%s has image %s and revision %s\n%s", pod.Name, pod.Spec.Containers[0].Image, pod.Labels[appsv1.ControllerRevisionHashLabelKey], w.tail())
		}
	}
	if count := w.set("web").Status.CollisionCount; count == nil || *count != 1 {
		t.Errorf("collisionCount is %v, want 1", count)
	}
}

func TestANewRevision(t *testing.T) {
	set := web()
	set.Obj().Annotations = map[string]string{"kubernetes.io/change-cause": "because", "argocd.argoproj.io/tracking-id": "x"}
	got := newWorld(t, set).plan().Revisions.Create
	got.Data.Raw = nil
	want := &appsv1.ControllerRevision{ObjectMeta: ownedMeta(newWorld(t, set), got.Name), Revision: 1}
	want.Labels = map[string]string{"app": "web", "controller.kubernetes.io/hash": got.Name[len("web-"):]}
	want.Annotations = map[string]string{"kubernetes.io/change-cause": "because"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revision (-want +got):\n%s", diff)
	}
}
