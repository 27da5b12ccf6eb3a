// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// A set that OpenKruise left at rest, or at a wait, is left exactly there: whoever has encoded its template since, and
// however.
func TestTakeoverWritesNothing(t *testing.T) {
	for name, change := range map[string]func(client.Object){
		"as recorded": func(client.Object) {},
		"sets applied again as their users wrote them":       onSets(asWritten),
		"sets with the defaults of today's library":          onSets(func(set *v1beta1.StatefulSet) { set.Spec.Template = *podtemplate.Defaulted(&set.Spec.Template) }),
		"revisions encoded by today's library":               onRevisions(reencoded),
		"revisions with their keys in reverse order":         onRevisions(reversed),
		"revisions without creationTimestamp: null":          onRevisions(without(`"creationTimestamp":null,`)),
		"revisions with creationTimestamp: null in the Pod":  onRevisions(with(`"spec":{"containers"`, `"creationTimestamp":null,"spec":{"containers"`)),
		"revisions without the defaults of containers":       onRevisions(without(`,"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"`)),
		"revisions without the defaults of Pods":             onRevisions(without(`"dnsPolicy":"ClusterFirst",`, `"schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30,`)),
		"revisions without creationTimestamp, sets as given": both(onRevisions(without(`"creationTimestamp":null,`)), onSets(asWritten)),
		"Pods that nobody has annotated or labelled for us":  onPods(foreignMarks),
	} {
		for _, phase := range []string{created, midway} {
			t.Run(phase+", "+name, func(t *testing.T) {
				w := takeOver(t, phase, time.Minute, change)
				for _, set := range []string{"web", "hooked", "recreate"} {
					s, plan := w.plan(set)
					want := RevisionPlan{Current: s.Set.Status.CurrentRevision, Update: s.Set.Status.UpdateRevision, Collisions: ptr.To[int32](0)}
					if diff := cmp.Diff(want, plan.Revisions); diff != "" {
						t.Errorf("%s: revisions (-want +got):\n%s", set, diff)
					}
					if diff := cmp.Diff([]string(nil), w.writes(plan)); diff != "" {
						t.Errorf("%s: writes (-want +got):\n%s", set, diff)
					}
				}
			})
		}
	}
}

func onSets(change func(*v1beta1.StatefulSet)) func(client.Object) {
	return func(object client.Object) {
		if set, ok := object.(*v1beta1.StatefulSet); ok {
			change(set)
		}
	}
}

func onPods(change func(*corev1.Pod)) func(client.Object) {
	return func(object client.Object) {
		if pod, ok := object.(*corev1.Pod); ok {
			change(pod)
		}
	}
}

func onRevisions(change func(data string) string) func(client.Object) {
	return func(object client.Object) {
		if r, ok := object.(*appsv1.ControllerRevision); ok {
			r.Data.Raw = []byte(change(string(r.Data.Raw)))
		}
	}
}

func both(changes ...func(client.Object)) func(client.Object) {
	return func(object client.Object) {
		for _, change := range changes {
			change(object)
		}
	}
}

// asWritten gives a set the template that its user applied, at the images that it has by now.
func asWritten(set *v1beta1.StatefulSet) {
	applied := &v1beta1.StatefulSet{}
	if err := json.Unmarshal([]byte(set.Annotations[corev1.LastAppliedConfigAnnotation]), applied); err != nil {
		panic(err)
	}
	for i := range applied.Spec.Template.Spec.Containers {
		applied.Spec.Template.Spec.Containers[i].Image = set.Spec.Template.Spec.Containers[i].Image
	}
	set.Spec.Template = applied.Spec.Template
}

// foreignMarks are what tools add to Pods on their own account.
func foreignMarks(pod *corev1.Pod) {
	pod.Labels["example.com/zone"] = "a"
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations["example.com/seen"] = "yes"
}

func reencoded(data string) string {
	template, err := podtemplate.Decode([]byte(data))
	if err != nil {
		return data // a SidecarSet's
	}
	out, err := podtemplate.Encode(template)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func without(texts ...string) func(string) string {
	return func(data string) string {
		for _, text := range texts {
			data = strings.ReplaceAll(data, text, "")
		}
		return data
	}
}

func with(text, instead string) func(string) string {
	return func(data string) string { return strings.ReplaceAll(data, text, instead) }
}

// reversed writes the same JSON with the keys of every object in reverse order.
func reversed(data string) string {
	var value any
	if err := json.Unmarshal([]byte(data), &value); err != nil {
		panic(err)
	}
	return reverse(value)
}

func reverse(value any) string {
	var parts []string
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			name, _ := json.Marshal(key)
			parts = append(parts, string(name)+":"+reverse(below))
		}
		slices.Sort(parts)
		slices.Reverse(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, below := range value {
			parts = append(parts, reverse(below))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	out, _ := json.Marshal(value)
	return string(out)
}

// Readiness gates that OpenKruise's manager had not come to serve yet must not keep Pods from ever being Ready.
func TestTakeoverSetsMissingConditions(t *testing.T) {
	w := takeOver(t, created, time.Minute, onPods(func(pod *corev1.Pod) {
		if pod.Name == "web-2" || pod.Name == "recreate-1" {
			pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == v1beta1.InPlaceUpdateReadyCondition || c.Type == v1beta1.KruisePodReadyCondition
			})
		}
	}))
	want := map[string][]string{
		"web":      {"web-2: condition InPlaceUpdateReady=True", "web-2: condition KruisePodReady=True"},
		"recreate": {"recreate-1: condition KruisePodReady=True"},
		"hooked":   nil,
	}
	got := map[string][]string{}
	for set := range want {
		got[set] = w.step(set)
		if again := w.step(set); again != nil {
			t.Errorf("%s: written once more: %q", set, again)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
