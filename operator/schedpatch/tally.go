// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

// window is for how many seconds after a Pod's creation time the Pod may turn up: the API server ends a request within
// a minute.
const window = 60

// tallies count the Pods that have ever carried each SchedPatch.
//
// Every Pod is counted once, by its UID. While the operator runs, Pods are counted as the watch reports them, so none
// is missed that comes and goes between two looks. An operator that starts does not know the UIDs that are counted
// already, and the status has no room for thousands of them. There it finds the newest creation time that was counted
// and, for each second of the minute before, how many counted Pods were left. What is older is counted for certain;
// what is newer is not; and of each second in between as many as the status says. That is wrong by one where, while no
// operator runs, a Pod goes and one turns up that was created in the same second.
type tallies struct {
	mu    sync.Mutex
	known map[types.NamespacedName]*tally
}

// tally is the count of one SchedPatch.
type tally struct {
	// object is the UID of the SchedPatch. Another one of the same name starts from its own status.
	object types.UID
	total  int64
	// counted are the Pods in total that still exist, with the second of their creation.
	counted map[types.UID]int64
	// until is the newest creation time among all in total, in seconds since 1970, and perSecond how many of counted
	// were created in each second up to a minute before.
	until     int64
	perSecond map[int64]int32
}

func newTallies() *tallies { return &tallies{known: map[types.NamespacedName]*tally{}} }

// look counts the Pods that carry a SchedPatch now, and returns the total and what an operator that starts has to know
// of it. The first look at a SchedPatch goes on from its status.
func (t *tallies) look(object *v1alpha1.SchedPatch, carriers []*corev1.Pod) (int64, *v1alpha1.CountedPods) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	tally := t.known[key]
	if tally == nil || tally.object != object.UID {
		tally = resume(object, carriers)
		t.known[key] = tally
	}
	for _, pod := range carriers {
		tally.add(pod.UID, pod.CreationTimestamp)
	}
	return tally.total, tally.written()
}

// note counts a Pod that the watch shows to carry a SchedPatch. Before the first look at the SchedPatch there is
// nothing to do: that look will find the Pod.
func (t *tallies) note(key types.NamespacedName, pod types.UID, created metav1.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tally := t.known[key]; tally != nil {
		tally.add(pod, created)
	}
}

// gone forgets a Pod: its UID never comes again. It is called in the order of the watch, after which no look finds the
// Pod any more.
func (t *tallies) gone(key types.NamespacedName, pod types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tally := t.known[key]; tally != nil {
		tally.remove(pod)
	}
}

// forget drops a SchedPatch that is gone.
func (t *tallies) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// resume starts from what the status says. Pods that it contains are marked as counted; all others are left to be
// added.
func resume(object *v1alpha1.SchedPatch, carriers []*corev1.Pod) *tally {
	t := &tally{object: object.UID, counted: map[types.UID]int64{}, perSecond: map[int64]int32{}}
	before := object.Status.Counted
	if before == nil {
		return t
	}
	t.total, t.until = object.Status.TotalPatched, before.Until.Unix()
	left := map[int64]int32{}
	for back, pods := range before.PerSecond {
		left[t.until-int64(back)] = pods
	}
	for _, pod := range carriers {
		switch second := pod.CreationTimestamp.Unix(); {
		case second <= t.until-window:
			t.counted[pod.UID] = second
		case left[second] > 0:
			left[second]--
			t.perSecond[second]++
			t.counted[pod.UID] = second
		}
	}
	return t
}

func (t *tally) add(pod types.UID, created metav1.Time) {
	if _, known := t.counted[pod]; known {
		return
	}
	second := created.Unix()
	t.counted[pod] = second
	t.total++
	if second > t.until-window {
		t.perSecond[second]++
	}
	if second > t.until {
		t.until = second
		t.drop()
	}
}

func (t *tally) remove(pod types.UID) {
	second, known := t.counted[pod]
	if !known {
		return
	}
	delete(t.counted, pod)
	if t.perSecond[second] > 0 {
		t.perSecond[second]--
	}
}

// drop forgets the seconds that are too long ago for a Pod to turn up.
func (t *tally) drop() {
	for second := range t.perSecond {
		if second <= t.until-window {
			delete(t.perSecond, second)
		}
	}
}

// written is the part of the tally that goes into the status.
func (t *tally) written() *v1alpha1.CountedPods {
	if t.total == 0 {
		return nil
	}
	out := &v1alpha1.CountedPods{Until: metav1.NewTime(time.Unix(t.until, 0))}
	for back := range int64(window) {
		out.PerSecond = append(out.PerSecond, t.perSecond[t.until-back])
	}
	for len(out.PerSecond) > 1 && out.PerSecond[len(out.PerSecond)-1] == 0 {
		out.PerSecond = out.PerSecond[:len(out.PerSecond)-1]
	}
	return out
}
