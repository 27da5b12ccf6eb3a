// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/preview"
)

// foresee is a preview of a change, which is not written.
func (w *world) foresee(change func(spec *v1beta1.StatefulSetSpec)) (*v1beta1.StatefulSet, *preview.Preview) {
	w.T.Helper()
	w.cache.Sync()
	after := w.set("web").DeepCopy()
	change(&after.Spec)
	after.Generation++
	out, err := Preview(w.T.Context(), &preview.Source{Reader: w.cache, Clock: w.Clock, CanResize: true}, after)
	if err != nil {
		w.T.Fatal(err)
	}
	return after, out
}

// foreseen is a preview as text.
func (w *world) foreseen(p *preview.Preview) (out []string) {
	for i := range p.Pods {
		pod := &p.Pods[i]
		line := pod.Name + " " + string(pod.Fate)
		for _, c := range pod.Containers {
			line += fmt.Sprintf(" [%s %s>%s resized %t restarts %t]", c.Name, c.From, c.To, c.Resized, c.Restarts)
		}
		if len(pod.Why) > 0 {
			line += " (" + w.short(strings.Join(pod.Why, "; ")) + ")"
		}
		if pod.First {
			line += ", at once"
		}
		if pod.Waits != "" {
			line += ", later: " + pod.Waits
		}
		out = append(out, line)
	}
	if p.Rests != "" {
		out = append(out, "rests: "+p.Rests)
	}
	return append(out, p.Notes...)
}

// trace is what a Pod is known by.
type trace struct{ UID, Revision string }

func (w *world) traces() map[string]trace {
	out := map[string]trace{}
	for _, pod := range w.Pods() {
		out[pod.Name] = trace{string(pod.UID), pod.Labels[appsv1.ControllerRevisionHashLabelKey]}
	}
	return out
}

// became is what became of a Pod, as far as it shows.
func became(before, after trace) string {
	switch {
	case before.UID == "":
		return "created"
	case after.UID == "":
		return "deleted"
	case before.UID != after.UID:
		return "created anew"
	case before.Revision != after.Revision:
		return "updated in place"
	}
	return "stays"
}

// shows is how a fate shows.
func shows(fate preview.Fate) string {
	switch fate {
	case preview.Created:
		return "created"
	case preview.Deleted:
		return "deleted"
	case preview.Recreated:
		return "created anew"
	case preview.UpdatedInPlace:
		return "updated in place"
	}
	return "stays"
}

func TestPreview(t *testing.T) {
	template := func(change func(pod *corev1.PodSpec)) func(*v1beta1.StatefulSetSpec) {
		return func(spec *v1beta1.StatefulSetSpec) { change(&spec.Template.Spec) }
	}
	image := template(func(pod *corev1.PodSpec) { pod.Containers[0].Image = "app:2" })
	env := template(func(pod *corev1.PodSpec) { pod.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}} })
	const update = "UpdatedInPlace [app app:1>app:2 resized false restarts true]"
	const others = ", later: others go first, 1 at a time (maxUnavailable)"
	const envField = "spec.template.spec.containers[app].env"
	for name, test := range map[string]struct {
		start  func(t *testing.T) *world
		change func(*v1beta1.StatefulSetSpec)
		want   []string
	}{
		"an image in place": {
			start: func(t *testing.T) *world { return settled(t, web().InPlace()) }, change: image,
			want: []string{"web-0 " + update + others, "web-1 " + update + others, "web-2 " + update + ", at once"},
		},
		"a field that only a new Pod can have": {
			start: func(t *testing.T) *world { return settled(t, web().InPlace()) }, change: env,
			want: []string{
				"web-0 Recreated (" + envField + ")" + others, "web-1 Recreated (" + envField + ")" + others,
				"web-2 Recreated (" + envField + "), at once",
			},
		},
		"nothing in place by policy": {
			start: func(t *testing.T) *world { return settled(t, web().Replicas(1)) }, change: image,
			want: []string{"web-0 Recreated (spec.updateStrategy.rollingUpdate.podUpdatePolicy is ReCreate), at once"},
		},
		"a field that only a new Pod can have, where none may be made": {
			start: func(t *testing.T) *world {
				return settled(t, web().Replicas(1).Policy(v1beta1.InPlaceOnlyPodUpdatePolicy))
			},
			change: env,
			want:   []string{"web-0 WaitsUntilRecreated (" + envField + ")"},
		},
		"the partition keeps the lowest": {
			start: func(t *testing.T) *world { return settled(t, web().InPlace().Partition(2)) }, change: image,
			want: []string{
				"web-2 " + update + ", at once", "web-0 Kept (spec.updateStrategy.rollingUpdate.partition (2) keeps it)",
				"web-1 Kept (spec.updateStrategy.rollingUpdate.partition (2) keeps it)",
			},
		},
		"paused": {
			start: func(t *testing.T) *world { return settled(t, web().Replicas(1).InPlace().Paused()) }, change: image,
			want: []string{"web-0 " + update, "rests: spec.updateStrategy.rollingUpdate.paused is true"},
		},
		"on delete": {
			start: func(t *testing.T) *world { return settled(t, web().Replicas(1).OnDelete()) }, change: image,
			want: []string{"web-0 WaitsUntilRecreated (spec.updateStrategy.type is OnDelete)"},
		},
		"more Pods, and an image": {
			start: func(t *testing.T) *world { return settled(t, web().Replicas(1).InPlace()) },
			change: func(spec *v1beta1.StatefulSetSpec) {
				image(spec)
				spec.Replicas = new(int32)
				*spec.Replicas = 3
			},
			want: []string{
				"web-0 " + update + others, "web-1 Created (there is none yet), at once",
				"web-2 Created (there is none yet), later: with OrderedReady the Pods before it have to be available first",
			},
		},
		"fewer Pods": {
			start:  func(t *testing.T) *world { return settled(t, web().InPlace()) },
			change: func(spec *v1beta1.StatefulSetSpec) { *spec.Replicas = 1 },
			want: []string{
				"web-1 Deleted (with replicas: 1 there is to be no such ordinal), later: with OrderedReady the Pods after it go first, one at a time",
				"web-2 Deleted (with replicas: 1 there is to be no such ordinal), at once", "web-0 Current",
			},
		},
		"labels and resources change without a restart": {
			start: func(t *testing.T) *world { return settled(t, web().Replicas(1).InPlace()) },
			change: func(spec *v1beta1.StatefulSetSpec) {
				spec.Template.Labels["ver"] = "2"
			},
			want: []string{"web-0 UpdatedInPlace, at once"},
		},
		"claims grow": {
			start: func(t *testing.T) *world { return settled(t, withClaim().GrowClaims()) }, change: claimSize("2Gi"),
			want: []string{"web-0 Current (its claims grow)" + others, "web-1 Current (its claims grow), at once"},
		},
		"claims grow, and an image": {
			start: func(t *testing.T) *world { return settled(t, withClaim().GrowClaims().InPlace()) },
			change: func(spec *v1beta1.StatefulSetSpec) {
				image(spec)
				claimSize("2Gi")(spec)
			},
			want: []string{"web-0 " + update + " (its claims grow)" + others, "web-1 " + update + " (its claims grow), at once"},
		},
		"claims do not grow below the partition": {
			start: func(t *testing.T) *world { return settled(t, withClaim().GrowClaims().Partition(1)) }, change: claimSize("2Gi"),
			want: []string{
				"web-0 Kept (its claims do not grow; spec.updateStrategy.rollingUpdate.partition (1) keeps it)",
				"web-1 Current (its claims grow), at once",
			},
		},
		"claims do not grow on delete": {
			start: func(t *testing.T) *world { return settled(t, withClaim().Replicas(1).GrowClaims().OnDelete()) }, change: claimSize("2Gi"),
			want: []string{"web-0 Kept (its claims do not grow; spec.updateStrategy.type is OnDelete)"},
		},
		"claims grow once it is not paused any more": {
			start: func(t *testing.T) *world { return settled(t, withClaim().Replicas(1).GrowClaims().Paused()) }, change: claimSize("2Gi"),
			want: []string{"web-0 Current (its claims grow)", "rests: spec.updateStrategy.rollingUpdate.paused is true"},
		},
		"a Pod that a person wants to go": {
			start: func(t *testing.T) *world {
				return settled(t, web().Replicas(1).InPlace()).labelled(v1beta1.SpecifiedDeleteLabel, "", "web-0")
			},
			change: func(*v1beta1.StatefulSetSpec) {},
			want:   []string{"web-0 Recreated (it carries the label apps.kruise.io/specified-delete), at once"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			after, p := w.foresee(test.change)
			if diff := cmp.Diff(test.want, w.foreseen(p)); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
			if p.Rests != "" {
				return
			}
			want, before := map[string]string{}, w.traces()
			for _, pod := range p.Pods {
				want[pod.Name] = shows(pod.Fate)
			}
			w.Put(after)
			w.roll()
			got, now := map[string]string{}, w.traces()
			for name := range want {
				got[name] = became(before[name], now[name])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the rollout did (-foreseen +done):\n%s\n%s", diff, w.tail())
			}
			if revision := w.set("web").Status.UpdateRevision; revision != p.Revision {
				t.Errorf("revision %s, and %s was foreseen", revision, p.Revision)
			}
		})
	}
}

func TestPreviewOfASetThatCannotBeUsed(t *testing.T) {
	set := build.MakeStatefulSet("web").Spec(func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels = nil }).Obj()
	w := settled(t, web())
	_, err := Preview(t.Context(), &preview.Source{Reader: w.cache, Clock: w.Clock}, set)
	const want = `spec.template.metadata.labels: "<none>" must be matched by spec.selector, which is app=web`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// What is deleted with a Pod, and cannot be had back, is said.
func TestPreviewNamesTheClaimsThatScalingDeletes(t *testing.T) {
	const why = "with replicas: 1 there is to be no such ordinal"
	const goes = why + "; its claims data-web-1 are deleted with it (whenScaled: Delete)"
	// Another Pod stands for whoever has a claim to it besides.
	owned := func(controls *bool) func(w *world) {
		return func(w *world) {
			other := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "web-0", UID: types.UID(w.traces()["web-0"].UID), Controller: controls}
			w.changeClaim("data-web-1", func(claim *corev1.PersistentVolumeClaim) {
				claim.OwnerReferences = append(claim.OwnerReferences, other)
			})
		}
	}
	for name, test := range map[string]struct {
		whenDeleted, whenScaled v1beta1.PersistentVolumeClaimRetentionPolicyType
		change                  func(w *world)
		want                    string
		stays                   bool
	}{
		"kept":                           {retain, retain, nil, why, true},
		"kept until the set goes":        {remove, retain, nil, why, true},
		"deleted":                        {retain, remove, nil, goes, false},
		"deleted, and with the set":      {remove, remove, nil, goes, false},
		"somebody else controls it":      {retain, remove, owned(ptr.To(true)), why, true},
		"somebody else is an owner, too": {retain, remove, owned(nil), why, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, withClaim().Retain(test.whenDeleted, test.whenScaled))
			if test.change != nil {
				test.change(w)
			}
			after, p := w.foresee(func(spec *v1beta1.StatefulSetSpec) { *spec.Replicas = 1 })
			want := []string{"web-1 Deleted (" + test.want + "), at once", "web-0 Current"}
			if diff := cmp.Diff(want, w.foreseen(p)); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
			w.Put(after)
			w.roll()
			stays := slices.ContainsFunc(w.claims(), func(c *corev1.PersistentVolumeClaim) bool { return c.Name == "data-web-1" })
			if stays != test.stays {
				t.Errorf("the claim stays: %t, want %t\n%s", stays, test.stays, w.tail())
			}
		})
	}
}
