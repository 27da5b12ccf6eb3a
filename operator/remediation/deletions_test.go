// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// fault counts the writes of the operator. One that is killed writes nothing any more.
func (w *simulation) fault(r world.Request) error {
	w.writes++
	switch {
	case w.kill > 0 && (w.writes > w.kill || w.writes == w.kill && !w.killAfter):
		return errKilled
	case w.refuse && r.Verb != "delete":
		return world.NoWebhook("schedpatches.windlass.example")
	}
	return nil
}

// answer is lost to an operator that is killed after the write.
func (w *simulation) answer(world.Request) error {
	if w.writes == w.kill {
		return errKilled
	}
	return nil
}

func (w *simulation) policy(before, after client.Object) error {
	if pod, ok := before.(*corev1.Pod); ok && after == nil && w.protected[pod.Labels["set"]] {
		return world.Denied("nobody deletes these")
	}
	return nil
}

// wrote holds every deletion of a Pod against what must never be.
func (w *simulation) wrote(r world.Request, before, _ client.Object) {
	if pod, ok := before.(*corev1.Pod); ok && r.Verb == "delete" {
		w.judge(pod)
	}
}

// judge holds a deletion against what must never be.
func (w *simulation) judge(pod *corev1.Pod) {
	w.T.Helper()
	if started, _ := starts(pod, ""); started {
		w.T.Fatalf("Pod %s is deleted, of which a container has started", pod.Name)
	}
	set := pod.Labels["set"]
	ordinal := 0
	_, _ = fmt.Sscanf(pod.Name[len(set):], "-%d", &ordinal)
	patch := w.served[types.NamespacedName{Namespace: pod.Namespace, Name: PatchName(set)}]
	if patch == nil || w.down {
		w.T.Fatalf("Pod %s is deleted, and no webhook serves an exclusion", pod.Name)
	}
	if node := pod.Spec.NodeName; node != "" && !excludes(patch.Spec.Affinity, &Exclusion{Node: node, Hostname: node + ".example"}) {
		w.T.Fatalf("Pod %s is deleted, and the webhooks would send it back to node %s", pod.Name, node)
	}
	d := deleted{set: set, pod: pod.Name, node: pod.Spec.NodeName, ordinal: ordinal, at: w.Now(), epoch: w.epoch(set)}
	w.deletions = append(w.deletions, d)
	w.limits(d, pod)
}

// limits counts what was deleted before.
func (w *simulation) limits(d deleted, pod *corev1.Pod) {
	w.T.Helper()
	minute, same := 0, 0
	for _, before := range w.deletions {
		if d.at.Sub(before.at) < time.Minute {
			minute++
		}
		if before.set == d.set && before.ordinal == d.ordinal && before.node != "" && d.at.Sub(before.at) < time.Hour && before.epoch == d.epoch {
			same++
		}
	}
	if minute > maxDeletes {
		w.T.Fatalf("Pod %s is the %dth that is deleted within a minute", d.pod, minute)
	}
	if same > 3 {
		w.T.Fatalf("Pod %s was deleted %d times within an hour", d.pod, same)
	}
	if d.node != "" {
		w.alone(d, pod)
	}
}

// alone checks that no other Pod of the set is still being replaced.
func (w *simulation) alone(d deleted, pod *corev1.Pod) {
	w.T.Helper()
	for _, before := range w.deletions {
		if before.set != d.set || before.ordinal == d.ordinal || before.epoch != d.epoch || before.node == "" {
			continue
		}
		name := fmt.Sprintf("%s-%d", d.set, before.ordinal)
		if w.replacedOnce[name+before.epoch] {
			continue
		}
		other := w.Pod(types.NamespacedName{Namespace: pod.Namespace, Name: name})
		if other == nil || other.DeletionTimestamp != nil {
			w.T.Fatalf("Pod %s is deleted while Pod %s is being recreated", d.pod, name)
		}
		if e := classify(&Pod{Pod: other}); e.kind == slowPull || e.kind == unscheduled {
			w.T.Fatalf("Pod %s is deleted while Pod %s has not been replaced: %s", d.pod, name, e.kind)
		}
	}
}

// epoch names what attempts are counted by: the revision, and how often a person has made us forget.
func (w *simulation) epoch(name string) string {
	for _, set := range w.sets {
		if set.Name == name {
			return fmt.Sprintf("%s/%d", w.revision(set), w.resets[name])
		}
	}
	return ""
}

// exclusions are the nodes that each SchedPatch excludes now.
func (w *simulation) exclusions() map[string][]string {
	w.T.Helper()
	out := map[string][]string{}
	for _, patch := range world.All[*v1alpha1.SchedPatch](w.Store, world.SchedPatch) {
		record, err := ParseRecord(patch.Annotations[v1beta1.RemediationExclusionsAnnotation])
		w.must(err)
		for _, e := range record.actives(w.Now()) {
			out[patch.Name] = append(out[patch.Name], e.Node)
		}
	}
	return out
}
