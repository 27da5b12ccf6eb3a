// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/report"
)

var update = flag.Bool("update", false, "rewrite the golden files instead of comparing with them")

// summary is a status in short: conditions as "Type=Status Reason".
type summary struct {
	Matched, Patched, Skipped int32
	Conditions                []string
}

func summaryOf(status *v1alpha1.SchedPatchStatus) summary {
	r := summary{Matched: status.MatchedPods, Patched: status.PatchedPods, Skipped: status.SkippedPods}
	for _, c := range status.Conditions {
		r.Conditions = append(r.Conditions, c.Type+"="+string(c.Status)+" "+c.Reason)
	}
	return r
}

func TestStatus(t *testing.T) {
	const later = time.Minute
	contradicting := func(name string) *corev1.Pod {
		pod := pod(name, later).Obj()
		pod.Spec.NodeSelector = map[string]string{"zone": "b"}
		return pod
	}
	with := func(s *Snapshot, change func(*Snapshot)) *Snapshot {
		change(s)
		return s
	}
	active := []string{"Ready=True Active"}
	noNodes := []string{"Ready=False NoEligibleNodes", "Reconciling=True NoEligibleNodes"}
	stuck := func(reason string) []string { return []string{"Ready=False " + reason, "Stalled=True " + reason} }
	for name, test := range map[string]struct {
		snapshot func(t *testing.T) *Snapshot
		want     summary
	}{
		"a target without Pods": {
			func(t *testing.T) *Snapshot { return snapshotOf(t, makePatch()) },
			summary{0, 0, 0, active}},
		"all Pods carry it": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(), patched("a", later), patched("b", later))
			},
			summary{2, 2, 0, active}},
		"Pods older than the patch are not skipped": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(), pod("a", -time.Hour).Obj(), pod("b", 0).Obj())
			},
			summary{2, 0, 0, active}},
		"Pods older than its last change are not skipped": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), pod("a", later).Obj()), func(s *Snapshot) { s.Since = metav1.NewTime(build.Epoch.Add(later)) })
			},
			summary{1, 0, 0, active}},
		"a Pod of the second of the last change that contradicts is skipped": {
			func(t *testing.T) *Snapshot {
				contradicting := contradicting("a")
				contradicting.CreationTimestamp = metav1.NewTime(build.Epoch)
				return snapshotOf(t, makePatch(), contradicting)
			},
			summary{1, 0, 1, active}},
		"one that would have been denied is older than the change": {
			func(t *testing.T) *Snapshot {
				contradicting := contradicting("a")
				contradicting.CreationTimestamp = metav1.NewTime(build.Epoch)
				return snapshotOf(t, makePatch(rejects), contradicting)
			},
			summary{1, 0, 0, active}},
		"Pods that the webhook missed are counted and are no reason to wait": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(), patched("a", later), pod("b", later).Obj())
			},
			summary{2, 1, 1, active}},
		"one Pod contradicts and the template does not": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), contradicting("a")), func(s *Snapshot) { s.Template = template(nil) })
			},
			summary{1, 0, 1, active}},
		"the template contradicts": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), contradicting("a")), func(s *Snapshot) { s.Template = template(zoneB) })
			},
			summary{1, 0, 1, stuck("Conflict")}},
		"the template's affinity contradicts, and the Pods' is not known": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), pod("a", later).Obj()), func(s *Snapshot) {
					s.Template = template(func(spec *corev1.PodSpec) {
						spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
							RequiredDuringSchedulingIgnoredDuringExecution: terms(1, "zone", "b")}}
					})
				})
			},
			summary{1, 0, 1, stuck("Conflict")}},
		"a contradiction is told before there is a Pod": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(required("zone", "a"))), func(s *Snapshot) { s.Template = template(zoneB) })
			},
			summary{0, 0, 0, stuck("Conflict")}},
		"no node is left": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), patched("a", later)), func(s *Snapshot) { s.Template, s.Nodes = template(nil), zones("b", "c") })
			},
			summary{1, 1, 0, noNodes}},
		"a node is left": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch()), func(s *Snapshot) { s.Template, s.Nodes = template(nil), zones("b", "a") })
			},
			summary{0, 0, 0, active}},
		"no node is left, but would not be either without the patch": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(required("disk", "ssd"))), func(s *Snapshot) { s.Template, s.Nodes = template(zoneB), zones("a") })
			},
			summary{0, 0, 0, active}},
		"no node is known": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch()), func(s *Snapshot) { s.Template = template(nil) })
			},
			summary{0, 0, 0, active}},
		"no node is left, and maxPods is used up": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(maxPods(1)), patched("a", later)),
					func(s *Snapshot) { s.Template, s.Nodes = template(nil), zones("b") })
			},
			summary{1, 1, 0, active}},
		"no node is left, for other Pods than the template's": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(func(o *v1alpha1.SchedPatch) {
					o.Spec.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}
				})), func(s *Snapshot) { s.Template, s.Nodes = template(nil), zones("b") })
			},
			summary{0, 0, 0, active}},
		"no node is left, by a Pod that may carry the patch": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), patched("a", later)), func(s *Snapshot) {
					s.Template, s.Nodes = template(nil), zones("b")
					s.Template.Pod = "a"
				})
			},
			summary{1, 1, 0, active}},
		"another patch makes the template contradict": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), contradicting("a")), func(s *Snapshot) {
					s.Template = template(nil)
					s.Others = []*sched.Patch{compile(t, makePatch(named("earlier"), func(o *v1alpha1.SchedPatch) {
						o.Spec.NodeSelector = map[string]string{"zone": "b"}
					}))}
				})
			},
			summary{1, 0, 1, stuck("Conflict")}},
		"the template would have too many terms": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, manyTerms(), pod("a", later).Obj()), func(s *Snapshot) { s.Template = template(manyOwnTerms) })
			},
			summary{1, 0, 1, stuck("TooManyTerms")}},
		"Pods are denied before there is one": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(rejects)), func(s *Snapshot) { s.Template = template(zoneB) })
			},
			summary{0, 0, 0, stuck("Conflict")}},
		"the template names the node": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), pod("a", later).Obj()), func(s *Snapshot) {
					s.Template = template(func(spec *corev1.PodSpec) { spec.NodeName = "node-1" })
				})
			},
			summary{1, 0, 1, stuck("NodeNamed")}},
		"Pods beyond maxPods are not skipped": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(maxPods(1)), patched("a", later), pod("b", later).Obj())
			},
			summary{2, 1, 0, active}},
		"nor are they once a Pod within maxPods is gone": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(maxPods(1), hadPatched(1)), pod("b", later).Obj())
			},
			summary{1, 0, 0, active}},
		"a Pod missed below maxPods is skipped": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(maxPods(2), hadPatched(1)), patched("a", later), pod("b", later).Obj())
			},
			summary{2, 1, 1, active}},
		"the target does not exist": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch()), func(s *Snapshot) { s.Target = Target{} })
			},
			summary{0, 0, 0, []string{"Ready=False TargetNotFound", "Reconciling=True TargetNotFound"}}},
		"the cluster does not know the target's kind": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch()), func(s *Snapshot) { s.Target = Target{NotServed: true} })
			},
			summary{0, 0, 0, []string{"Ready=False TargetNotFound", "Reconciling=True TargetNotFound"}}},
		"the target may not be read": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch()), func(s *Snapshot) { s.Target = Target{Unreadable: "no permission"} })
			},
			summary{0, 0, 0, stuck("TargetUnreadable")}},
		"the webhooks do not serve the namespace": {
			func(t *testing.T) *Snapshot {
				return with(snapshotOf(t, makePatch(), pod("a", later).Obj()), func(s *Snapshot) { s.Served = false })
			},
			summary{1, 0, 0, stuck("NamespaceNotServed")}},
		"a preview patches nothing and misses nothing": {
			func(t *testing.T) *Snapshot { return snapshotOf(t, makePatch(preview), pod("a", later).Obj()) },
			summary{1, 0, 0, []string{"Ready=True Preview"}}},
		"an expired patch rests": {
			func(t *testing.T) *Snapshot {
				return snapshotOf(t, makePatch(ttl(120)), patched("a", later), pod("b", 2*time.Minute).Obj())
			},
			summary{2, 1, 0, []string{"Ready=True Expired", "Expired=True Expired"}}},
		"what was missed before the end stays counted": {
			func(t *testing.T) *Snapshot { return snapshotOf(t, makePatch(ttl(120)), pod("a", later).Obj()) },
			summary{1, 0, 1, []string{"Ready=True Expired", "Expired=True Expired"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summaryOf(statusOf(test.snapshot(t)))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// zones are nodes, one in each zone.
func zones(names ...string) []*corev1.Node {
	var out []*corev1.Node
	for _, name := range names {
		out = append(out, node("node-"+name, map[string]string{"zone": name}))
	}
	return out
}

func zoneB(spec *corev1.PodSpec) { spec.NodeSelector = map[string]string{"zone": "b"} }

// manyTerms and manyOwnTerms are a patch and a template with nine terms each, whose product is more than 64.
func manyTerms() *v1alpha1.SchedPatch {
	return makePatch(func(o *v1alpha1.SchedPatch) {
		o.Spec.NodeSelector, o.Spec.Affinity = nil, &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms(9, "disk")}}
	})
}

func manyOwnTerms(spec *corev1.PodSpec) {
	spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms(9, "zone")}}
}

// The words of the conditions are part of what users see: golden files hold whole statuses.
func TestGoldenStatuses(t *testing.T) {
	conflicting := pod("cart-3", 3*time.Minute).Obj()
	conflicting.Spec.NodeSelector = map[string]string{"zone": "b"}
	for name, s := range map[string]*Snapshot{
		"active":           snapshotOf(t, makePatch(), patched("cart-1", time.Minute), patched("cart-2", 2*time.Minute)),
		"skipped":          snapshotOf(t, makePatch(), patched("cart-1", time.Minute), pod("cart-2", time.Minute).Obj(), conflicting),
		"canary":           snapshotOf(t, makePatch(maxPods(1)), patched("cart-1", time.Minute)),
		"expired":          snapshotOf(t, makePatch(ttl(60)), patched("cart-1", 0)),
		"target-not-found": snapshotOf(t, makePatch()),
		"another-group":    snapshotOf(t, makePatch()),
		"no-nodes":         snapshotOf(t, makePatch()),
		"no-nodes-anyway":  snapshotOf(t, makePatch(required("disk", "ssd"))),
		"contradiction":    snapshotOf(t, makePatch(required("zone", "a", "c"))),
		"denied":           snapshotOf(t, makePatch(rejects)),
		"not-served":       snapshotOf(t, makePatch()),
		"preview":          snapshotOf(t, makePatch(preview)),
	} {
		switch name {
		case "target-not-found":
			s.Target = Target{}
		case "another-group":
			s.Target = Target{Near: []sched.Near{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "cart"}}}
		case "no-nodes":
			s.Template, s.Nodes = template(nil), zones("b", "c")
		case "no-nodes-anyway", "contradiction":
			s.Template, s.Nodes = template(zoneB), zones("a")
		case "not-served":
			s.Served = false
		case "denied":
			s.Template = template(zoneB)
		case "preview":
			s.Template, s.Nodes = template(nil), []*corev1.Node{node("n1", map[string]string{"zone": "a"}), node("n2", nil)}
		}
		t.Run(name, func(t *testing.T) {
			got, err := yaml.Marshal(statusOf(s))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "statuses", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s; after a wanted change run the test with -update (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestTheStatusStaysSmall(t *testing.T) {
	crowd := func(nameLength int) *Snapshot {
		var pods []*corev1.Pod
		for i := range 10_000 {
			pod := patched(fmt.Sprintf("%0*d", nameLength, i), time.Duration(i/100)*time.Second)
			pod.UID, pod.Spec.NodeName = types.UID(fmt.Sprintf("%036d", i)), strings.Repeat("n", nameLength)
			pods = append(pods, pod)
		}
		return snapshotOf(t, makePatch(), pods...)
	}
	big := snapshotOf(t, makePatch(preview))
	big.Template = template(func(spec *corev1.PodSpec) {
		manyOwnTerms(spec)
		for i := range 200 {
			spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: strings.Repeat("k", 250) + fmt.Sprint(i),
				Operator: corev1.TolerationOpExists})
		}
	})
	for name, test := range map[string]struct {
		snapshot *Snapshot
		want     int
	}{
		"10,000 Pods":                           {crowd(30), 100},
		"10,000 Pods with the longest names":    {crowd(253), 51},
		"a preview with more than has its room": {big, 0},
	} {
		t.Run(name, func(t *testing.T) {
			status := statusOf(test.snapshot)
			if size := sizeOf(status); size > maxStatusBytes {
				t.Errorf("%d bytes", size)
			}
			if diff := cmp.Diff(test.want, len(status.ChangedPods)); diff != "" {
				t.Errorf("listed Pods (-want +got):\n%s", diff)
			}
			if truncated := test.want > 0; status.Truncated != truncated {
				t.Errorf("truncated %t, want %t", status.Truncated, truncated)
			}
		})
	}
}

// A Pod that maxPods left no place for looks like one that the webhook missed. So Pods that were created while as many as
// maxPods carried the patch are never said to be missed, also after one of those is gone, and later ones are.
func TestPodsBeyondMaxPodsAreNeverMissed(t *testing.T) {
	object, first, beyond := makePatch(maxPods(1)), patched("a", time.Minute), pod("b", time.Minute).Obj()
	look := func(at time.Duration, pods ...*corev1.Pod) (skipped int32) {
		s := snapshotOf(t, object, pods...)
		s.Now = build.Epoch.Add(at)
		if object.Status.ActiveSince != nil {
			s.Since = *object.Status.ActiveSince
		}
		object.Status = *statusOf(s)
		return object.Status.SkippedPods
	}
	missed := pod("c", 5*time.Minute).Obj()
	for _, step := range []struct {
		name string
		at   time.Duration
		pods []*corev1.Pod
		want int32
	}{
		{"the limit is reached", 2 * time.Minute, []*corev1.Pod{first, beyond}, 0},
		{"the patched Pod is gone", 3 * time.Minute, []*corev1.Pod{beyond}, 0},
		{"nothing changes", 4 * time.Minute, []*corev1.Pod{beyond}, 0},
		{"a Pod comes for which there was a place", 6 * time.Minute, []*corev1.Pod{beyond, missed}, 1},
		{"the next gets it", 7 * time.Minute, []*corev1.Pod{beyond, missed, patched("d", 6*time.Minute)}, 0},
		{"and is gone", 8 * time.Minute, []*corev1.Pod{beyond, missed}, 0},
	} {
		if got := look(step.at, step.pods...); got != step.want {
			t.Errorf("%s: %d Pods are skipped, want %d", step.name, got, step.want)
		}
	}
}

func TestChangedPodsAreTheNewestFirst(t *testing.T) {
	status := statusOf(snapshotOf(t, makePatch(), patched("b", time.Minute), patched("old", 0), patched("a", time.Minute)))
	var got []string
	for _, pod := range status.ChangedPods {
		got = append(got, pod.Name+" "+pod.Hash)
	}
	if diff := cmp.Diff([]string{"a 0123456789", "b 0123456789", "old 0123456789"}, got); diff != "" {
		t.Errorf("changed Pods (-want +got):\n%s", diff)
	}
}

func TestAnInvalidPatchIsStalledUntilItIsCorrected(t *testing.T) {
	object := makePatch()
	object.Status.MatchedPods = 3
	status := invalidStatus(object, fmt.Errorf("spec.affinity: %s", strings.Repeat("wrong ", 400)), metav1.NewTime(build.Epoch))
	want := summary{3, 0, 0, []string{"Ready=False InvalidSpec", "Stalled=True InvalidSpec"}}
	if diff := cmp.Diff(want, summaryOf(status)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if n := len(meta.FindStatusCondition(status.Conditions, v1beta1.ConditionReady).Message); n > report.MaxMessage {
		t.Errorf("a message of %d bytes", n)
	}
	object.Status = *status
	if diff := cmp.Diff([]string{"Ready=True Active"}, summaryOf(statusOf(snapshotOf(t, object))).Conditions); diff != "" {
		t.Errorf("once corrected (-want +got):\n%s", diff)
	}
}
