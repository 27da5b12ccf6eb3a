// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// worldWriter writes to the world as the API server would, counts, and holds every deletion of a Pod against what must
// never be.
type worldWriter struct{ w *world }

var _ writer = worldWriter{}

// interrupted does a write, unless the operator is killed before it, and may be killed after it.
func (ww worldWriter) interrupted(write func() error) error {
	w := ww.w
	w.writes++
	hit := w.kill > 0 && w.writes == w.kill
	if hit && !w.killAfter {
		w.kill = -1
		return errKilled
	}
	err := write()
	if hit {
		w.kill = -1
		return errKilled
	}
	return err
}

func (ww worldWriter) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return ww.interrupted(func() error {
		if ww.w.refuse {
			return apierrors.NewInternalError(fmt.Errorf("failed calling webhook"))
		}
		ww.w.made++
		object.SetUID(types.UID(fmt.Sprintf("patch-%d", ww.w.made)))
		object.SetGeneration(1)
		return ww.w.store.Create(ctx, object, options...)
	})
}

func (ww worldWriter) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return ww.interrupted(func() error {
		if ww.w.refuse {
			return apierrors.NewInternalError(fmt.Errorf("failed calling webhook"))
		}
		return ww.w.store.Update(ctx, object, options...)
	})
}

func (ww worldWriter) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return ww.interrupted(func() error {
		if ww.w.refuse {
			return apierrors.NewInternalError(fmt.Errorf("failed calling webhook"))
		}
		stored := &v1alpha1.SchedPatch{}
		if err := ww.w.store.Get(ctx, client.ObjectKeyFromObject(object), stored); err != nil {
			return err
		}
		changed := object.(*v1alpha1.SchedPatch)
		if !equality.Semantic.DeepEqual(stored.Spec, changed.Spec) {
			changed.Generation = stored.Generation + 1 // the API server counts changes of the spec
		}
		return ww.w.store.Patch(ctx, object, patch, options...)
	})
}

func (ww worldWriter) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return ww.interrupted(func() error {
		pod, isPod := object.(*corev1.Pod)
		if !isPod {
			return ww.w.store.Delete(ctx, object, options...)
		}
		stored := &corev1.Pod{}
		if err := ww.w.store.Get(ctx, client.ObjectKeyFromObject(pod), stored); err != nil {
			return err
		}
		asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		if asked == nil || asked.UID == nil || asked.ResourceVersion == nil {
			ww.w.t.Fatalf("Pod %s is deleted without preconditions", pod.Name)
		}
		if *asked.UID != stored.UID || *asked.ResourceVersion != stored.ResourceVersion {
			return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, pod.Name, fmt.Errorf("it is another one by now"))
		}
		if ww.w.protected[stored.Labels["set"]] {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, pod.Name, fmt.Errorf("a policy forbids it"))
		}
		ww.w.judge(stored)
		return ww.w.store.Delete(ctx, stored)
	})
}

// judge holds a deletion against what must never be.
func (w *world) judge(pod *corev1.Pod) {
	w.t.Helper()
	if started, _ := starts(pod, ""); started {
		w.t.Fatalf("Pod %s is deleted, of which a container has started", pod.Name)
	}
	set := pod.Labels["set"]
	ordinal := 0
	_, _ = fmt.Sscanf(pod.Name[len(set):], "-%d", &ordinal)
	patch := w.served[types.NamespacedName{Namespace: pod.Namespace, Name: PatchName(set)}]
	if patch == nil || w.down {
		w.t.Fatalf("Pod %s is deleted, and no webhook serves an exclusion", pod.Name)
	}
	if node := pod.Spec.NodeName; node != "" && !excludes(patch.Spec.Affinity, &Exclusion{Node: node, Hostname: node + ".example"}) {
		w.t.Fatalf("Pod %s is deleted, and the webhooks would send it back to node %s", pod.Name, node)
	}
	d := deleted{set: set, pod: pod.Name, uid: pod.UID, node: pod.Spec.NodeName, ordinal: ordinal, at: w.clock.Now(), epoch: w.epoch(set)}
	w.deletions = append(w.deletions, d)
	w.limits(d, pod)
}

// limits counts what was deleted before.
func (w *world) limits(d deleted, pod *corev1.Pod) {
	w.t.Helper()
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
		w.t.Fatalf("Pod %s is the %dth that is deleted within a minute", d.pod, minute)
	}
	if same > 3 {
		w.t.Fatalf("Pod %s was deleted %d times within an hour", d.pod, same)
	}
	if d.node != "" {
		w.alone(d, pod)
	}
}

// alone checks that no other Pod of the set is still being replaced.
func (w *world) alone(d deleted, pod *corev1.Pod) {
	w.t.Helper()
	for _, before := range w.deletions {
		if before.set != d.set || before.ordinal == d.ordinal || before.epoch != d.epoch || before.node == "" {
			continue
		}
		name := fmt.Sprintf("%s-%d", d.set, before.ordinal)
		other := &corev1.Pod{}
		if err := w.store.Get(w.t.Context(), types.NamespacedName{Namespace: pod.Namespace, Name: name}, other); err != nil {
			if !w.replacedOnce[name+before.epoch] {
				w.t.Fatalf("Pod %s is deleted while Pod %s is being made anew", d.pod, name)
			}
			continue
		}
		if e := classify(other); (e.kind == slowPull || e.kind == unscheduled) && !w.replacedOnce[name+before.epoch] {
			w.t.Fatalf("Pod %s is deleted while Pod %s has not been replaced: %s", d.pod, name, e.kind)
		}
	}
}

// epoch names what attempts are counted by: the revision, and how often a person has made us forget.
func (w *world) epoch(name string) string {
	for _, set := range w.sets {
		if set.Name == name {
			return fmt.Sprintf("%s/%d", w.revision(set), w.resets[name])
		}
	}
	return ""
}

// excludedNow names the nodes that SchedPatches exclude.
func (w *world) excludedNow() map[string]int {
	list := &v1alpha1.SchedPatchList{}
	w.must(w.store.List(w.t.Context(), list))
	out := map[string]int{}
	for i := range list.Items {
		record, err := ParseRecord(list.Items[i].Annotations[v1beta1.RemediationExclusionsAnnotation])
		w.must(err)
		for _, e := range record.actives(w.clock.Now()) {
			out[e.Node]++
		}
	}
	return out
}
