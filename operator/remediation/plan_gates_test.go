// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Gates in the order of the page. Each scene has everything that comes after it in the way as well, so that the order
// is shown too.
func TestGatesInOrder(t *testing.T) {
	order := []struct {
		want  string
		close func(*scene)
	}{
		{"ApplicationStarted", func(sc *scene) {
			sc.last(func(p *Pod) { p.Own, p.DeletionTimestamp = nil, nil }).last(func(p *Pod) { p.shows("app", pullFails, restarted(1)) })
		}},
		{"SidecarFailing", func(sc *scene) {
			sc.last(func(p *Pod) { p.Own = sets.New("other") }).last(func(p *Pod) { p.shows("app", crashing) })
		}},
		{"Paused", func(sc *scene) { sc.snapshot.Set.Spec.UpdateStrategy.RollingUpdate.Paused = true }},
		{"SkipAnnotation", func(sc *scene) { annotate(sc.snapshot.Nodes["n1"], v1beta1.SkipRemediationAnnotation, "true") }},
		{"NodeNotReady", func(sc *scene) { sc.snapshot.Nodes["n1"].Status.Conditions[0].Status = corev1.ConditionUnknown }},
		{"PodTerminating", func(sc *scene) { sc.last(func(p *Pod) { p.DeletionTimestamp = ptr.To(at(0)) }) }},
		{"CannotExclude", func(sc *scene) { sc.snapshot.NamespaceServed = false }},
		{"StoragePinned", func(sc *scene) { sc.volume(localVolume("n1")) }},
		{"TooFewNodes", func(sc *scene) {
			for _, name := range manyNodes(10)[1:] {
				sc.snapshot.Record.exclude(exclusion(name, -time.Minute, time.Hour))
			}
		}},
		{"CannotExclude", func(sc *scene) { sc.last(func(p *Pod) { p.Spec.Affinity = manyTerms(65) }) }},
		{"NodeLimit", func(sc *scene) {
			sc.snapshot.Record.exclude(exclusion("n8", -time.Minute, time.Hour))
			sc.snapshot.Record.exclude(exclusion("n9", -time.Minute, time.Hour))
		}},
		{"InFlight", func(sc *scene) { sc.snapshot.Record.begin(attempt(0, 1, -time.Minute, "gone", "n9")) }},
		{"RetryLimit", func(sc *scene) { sc.settings(func(a *v1beta1.AutoRemediation) { a.RetryLimit = ptr.To[int32](1) }) }},
		{"Backoff", func(sc *scene) {
			refused := attempt(1, 2, -30*time.Second, "web-1-uid", "n9")
			refused.Refusals, refused.Refused, refused.RefusedAt = 1, "a policy", ptr.To(at(-30*time.Second))
			sc.snapshot.Record.begin(refused)
		}},
		{"Backoff", func(sc *scene) { sc.snapshot.Record.begin(attempt(1, 1, -30*time.Second, "", "n9")) }},
		{"StormActive", func(sc *scene) {
			sc.others(Record{Exclusions: []Exclusion{exclusion("n6", 0, time.Hour), exclusion("n7", -time.Hour, -time.Minute)}})
		}},
		{"RateLimited", func(sc *scene) {
			other := Record{}
			for i := range 5 {
				other.begin(attempt(i, 1, -time.Duration(10*i)*time.Second, "", "n5"))
			}
			sc.others(other)
		}},
	}
	if len(order) != len(gates) {
		t.Fatalf("%d gates are tried of %d", len(order), len(gates))
	}
	for first := range order {
		t.Run(order[first].want, func(t *testing.T) {
			sc := newScene(manyNodes(10)...).missing().failing("n1", long)
			sc.running("n10")
			sc.snapshot.Pods[0], sc.snapshot.Pods[1] = sc.snapshot.Pods[1], sc.snapshot.Pods[0] // the stuck one is last
			for _, gate := range slices.Backward(order[first:]) {                               // there is one attempt, and the last word on it counts
				gate.close(sc)
			}
			p := newPlanner(sc.snapshot)
			p.findCases()
			p.askGates()
			if len(p.plan.Cases) != 1 {
				t.Fatalf("%d stuck Pods", len(p.plan.Cases))
			}
			if got := p.plan.Cases[0]; got.Gate != &gates[first] || got.keptBy() != order[first].want {
				t.Errorf("gate %s: %s; want gate %d, %s", got.keptBy(), got.Blocks, first, order[first].want)
			}
		})
	}
}

// manyTerms are rules that any node meets, and more than a SchedPatch is merged with.
func manyTerms(count int) *corev1.Affinity {
	required := &corev1.NodeSelector{}
	for i := range count {
		required.NodeSelectorTerms = append(required.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: fmt.Sprint("absent-", i), Operator: corev1.NodeSelectorOpDoesNotExist},
		}})
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: required}}
}

func annotate(object metav1.Object, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
}

// volume gives the last Pod a claim that is bound.
func (sc *scene) volume(pv *corev1.PersistentVolume) *scene {
	pod := sc.snapshot.Pods[len(sc.snapshot.Pods)-1]
	claim := build.MakeClaim("data-" + pod.Name).Obj()
	claim.Spec.VolumeName = pv.Name
	claim.CreationTimestamp = pod.CreationTimestamp
	details := sc.snapshot.Details[pod.UID]
	details.Volumes = append(details.Volumes, Volume{Claim: claim, PV: pv})
	return sc
}

func localVolume(node string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + node}, Spec: corev1.PersistentVolumeSpec{
		NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node + ".example"}}},
		}}}},
	}}
}

func TestGatesOpenWhereTheyShould(t *testing.T) {
	act := "write"
	for name, test := range map[string]struct {
		scene *scene
		want  outcome
	}{
		"a Pod whose own rules name its node": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) {
				p.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "n1.example"}
			}),
			outcome{Condition: "False TooFewNodes"},
		},
		"a skip annotation that says false": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) { annotate(p.Pod, v1beta1.SkipRemediationAnnotation, "false") }),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"skipped on the StatefulSet": {
			newScene("n1", "n2").running("n2").failing("n1", long).with(func(s *Snapshot) { annotate(s.Set, v1beta1.SkipRemediationAnnotation, "") }),
			outcome{Condition: "False SkipAnnotation"},
		},
		"a volume that other nodes have too": {
			newScene("n1", "n2", "n3").running("n2").failing("n1", long).volume(&corev1.PersistentVolume{}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"a claim that is being provisioned for the node": {
			newScene("n1", "n2").running("n2").failing("n1", long).volume(localVolume("n1")).with(func(s *Snapshot) {
				v := &s.Details["web-1-uid"].Volumes[0]
				v.PV, v.Claim.Spec.VolumeName = nil, ""
				annotate(v.Claim, selectedNodeAnnotation, "n1")
			}),
			outcome{Condition: "False StoragePinned"},
		},
		"a claim whose volume the node alone has, though it was made for the Pod": {
			newScene("n1", "n2").running("n2").failing("n1", long).volume(localVolume("n1")),
			outcome{Condition: "False StoragePinned"},
		},
		"a claim that is being deleted": {
			newScene("n1", "n2").running("n2").failing("n1", long).volume(localVolume("n1")).with(func(s *Snapshot) {
				s.Details["web-1-uid"].Volumes[0].Claim.DeletionTimestamp = ptr.To(at(0))
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"the other nodes are not for this Pod": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }),
			outcome{Condition: "False TooFewNodes"},
		},
		"the other node is tainted": {
			newScene("n1", "n2").running("n2").failing("n1", long).node("n2", func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "own", Effect: corev1.TaintEffectNoSchedule}}
			}),
			outcome{Condition: "False TooFewNodes"},
		},
		"the other node is tainted, and the Pod tolerates it": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) {
				p.Spec.Tolerations = []corev1.Toleration{{Key: "own", Operator: corev1.TolerationOpExists}}
			}).node("n2", func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "own", Effect: corev1.TaintEffectNoSchedule}}
			}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"a second Pod on a node that is excluded already": {
			newScene("n1", "n2").running("n2").failing("n1", long).
				recorded(Record{[]Exclusion{exclusion("n1", -time.Minute, time.Hour)}, []Attempt{attempt(0, 1, -2*time.Minute, "", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"the limit of nodes is a number": {
			newScene(manyNodes(10)...).running("n2").failing("n1", long).settings(func(a *v1beta1.AutoRemediation) { a.MaxExcludedNodes = ptr.To(intstr.FromInt32(3)) }).
				recorded(Record{[]Exclusion{exclusion("n3", -time.Minute, time.Hour)}, nil}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1", "n3"}, Next: act},
		},
		"a pause of a minute is over": {
			newScene("n1", "n2").running("n2").failing("n1", long).recorded(Record{nil, []Attempt{attempt(1, 1, -67*time.Second, "", "n1")}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"five deletions, not all within the minute": {
			newScene("n1", "n2").running("n2").failing("n1", long).others(Record{Attempts: []Attempt{
				attempt(0, 1, 0, "", "n5"), attempt(1, 1, -18*time.Second, "", "n5"), attempt(2, 1, -36*time.Second, "", "n5"),
				attempt(3, 1, -54*time.Second, "", "n5"), attempt(4, 1, -72*time.Second, "", "n5"),
			}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"a storm that has been over for 5 minutes": {
			newScene("n1", "n2").running("n2").failing("n1", long).others(Record{Exclusions: []Exclusion{exclusion("n2", -time.Hour, -5*time.Minute)}}),
			outcome{Condition: "True NodeExcluded", Excluded: []string{"n1"}, Next: act},
		},
		"an annotation that cannot be read": {
			newScene("n1", "n2").running("n2").failing("n1", long).with(func(s *Snapshot) { s.Obstacle = "it cannot be read" }),
			outcome{Condition: "False CannotExclude"},
		},
		"a template that names the node": {
			newScene("n1", "n2").running("n2").failing("n1", long).with(func(s *Snapshot) { s.Set.Spec.Template.Spec.NodeName = "n1" }),
			outcome{Condition: "False CannotExclude"},
		},
		"a node affinity that matches nothing": {
			newScene("n1", "n2").running("n2").failing("n1", long).last(func(p *Pod) {
				p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
					NodeSelectorTerms: []corev1.NodeSelectorTerm{{}},
				}}}
			}),
			outcome{Condition: "False CannotExclude"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, outcomeOf(test.scene.snapshot, decide(test.scene.snapshot))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// The message of a gate is said again only when something has changed.
func TestTheTimeOfABackoffStands(t *testing.T) {
	messages := map[string]bool{}
	for offset := time.Duration(0); offset < 20*time.Second; offset += 70 * time.Millisecond {
		sc := newScene("n1", "n2").failing("n1", long).
			recorded(Record{[]Exclusion{exclusion("n1", -20*time.Minute, -10*time.Minute, probe, deletedFor)}, []Attempt{attempt(0, 1, -20*time.Minute, "", "n1")}})
		sc.snapshot.Now = build.Epoch.Add(offset)
		messages[decide(sc.snapshot).Cases[0].Blocks] = true
	}
	if diff := cmp.Diff(map[string]bool{"it was replaced before, and is again not before 2026-01-02T03:44:05Z": true}, messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// Which nodes a Pod may run on is found once for all Pods that ask for the same, and for no others.
func TestEachPodIsJudgedByTheNodesThatItMayRunOn(t *testing.T) {
	sc := newScene("n1", "n2", "n3").running("n3").node("n2", func(n *corev1.Node) { n.Labels["disk"] = "ssd" })
	for _, disk := range []string{"", "ssd", "tape", "ssd", ""} {
		sc.failing("n1", long)
		if disk != "" {
			sc.last(func(p *Pod) { p.Spec.NodeSelector = map[string]string{"disk": disk} })
		}
	}
	sc.failing("n1", long).volume(localVolume("n1")).failing("n1", long).last(func(p *Pod) {
		p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	})
	sc.node("n3", func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	})
	p, got := newPlanner(sc.snapshot), [][]string(nil)
	for i := range sc.snapshot.Pods[1:] {
		got = append(got, p.candidates(&sc.snapshot.Pods[i+1]).eligible)
	}
	plain, ssd := []string{"n1", "n2"}, []string{"n2"}
	if diff := cmp.Diff([][]string{plain, ssd, nil, ssd, plain, {"n1"}, {"n1", "n2", "n3"}}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}
