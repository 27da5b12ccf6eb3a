// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/refusal"
)

// kind is what is special about a ReplicaSet of the simulation.
type kind string

const (
	healthy   kind = "healthy"   // its Pods get their sidecars when they are recreated
	nameTaken kind = "clashing"  // a container of its Pods has the sidecar's name
	stripped  kind = "stripped"  // somebody takes the sidecars out again, and nobody knows
	protected kind = "protected" // a budget allows no eviction
	kept      kind = "kept"      // a policy refuses evictions
	homeless  kind = "homeless"  // its Pods find no node, before and after
)

// repairs is a cluster in which ReplicaSets of several kinds have missed their sidecars. Successors come in the same
// second or later; the operator is killed at any write, and then remembers nothing.
type repairs struct {
	*world
	random  *rand.Rand
	most    int
	kinds   map[string]kind
	memory  *memory
	watched time.Time
	kills   int
	// evictions counts by ReplicaSet the Pods that were evicted though they served, and down are those whose successors
	// do not serve yet.
	evictions map[string]int
	down      map[string]int
	// due are the Pods that ReplicaSets are about to make, starting those that are about to be ready.
	due  []string
	next int
}

func newRepairs(t *testing.T, seed uint64) *repairs {
	random := rand.New(rand.NewPCG(seed, 11))
	r := &repairs{random: random, most: 1 + random.IntN(3), kinds: map[string]kind{}, evictions: map[string]int{}, down: map[string]int{}}
	r.world = newWorld(t, 0, repairing().MaxUnavailable(fmt.Sprint(r.most)))
	for i, k := range []kind{healthy, nameTaken, stripped, protected, kept, homeless, healthy} {
		name := fmt.Sprintf("%c-%s", 'a'+random.IntN(26), k)
		name = fmt.Sprint(name, i)
		r.kinds[name] = k
		for range 1 + random.IntN(3) {
			r.makePod(name, false).CreationTimestamp = metav1.NewTime(build.Epoch.Add(-time.Hour))
		}
	}
	r.start()
	return r
}

// start is the operator's, with an empty memory.
func (r *repairs) start() {
	r.memory = newMemory()
	r.watched = r.now
}

func (r *repairs) makePod(owner string, ready bool) *corev1.Pod {
	r.next++
	name := fmt.Sprintf("%s-%d", owner, r.next)
	k := r.kinds[owner]
	pod := build.MakePod(name).Label("app", "web").Created(r.now.Sub(build.Epoch).Truncate(time.Second)).Obj()
	if k == nameTaken {
		pod.Spec.Containers[0].Name = "agent"
	}
	if r.now.After(build.Epoch.Add(time.Hour)) && k != nameTaken && k != stripped {
		injection, err := sidecar.Inject(pod, []*sidecar.Set{r.compiled()}, metav1.NewTime(r.now))
		if err != nil {
			r.t.Fatal(err)
		}
		injection.Apply(pod)
	}
	of(pod, "ReplicaSet", owner)
	build.RunContainers(pod)
	build.SetReady(pod, ready || k != homeless && r.next < 30 && !r.now.After(build.Epoch.Add(time.Hour)), r.now)
	if k == homeless {
		pod.Spec.NodeName, pod.Status = "", corev1.PodStatus{Phase: corev1.PodPending}
	}
	r.pods = append(r.pods, pod)
	return pod
}

func (r *repairs) ownerOf(pod *corev1.Pod) string { return metav1.GetControllerOf(pod).Name }

// look is one look of the operator; it may be killed after any eviction.
func (r *repairs) look() {
	r.t.Helper()
	s := r.snapshot()
	name := client.ObjectKeyFromObject(s.Set.Object)
	s.Evicted, s.Futile = r.memory.evictions.recent("s", r.now), r.memory.evictions.futile("s", s.Set.Hashes.Full)
	s.Refusals, s.Watched = r.memory.refusals.Recent(name, r.now), r.watched
	plan, err := makePlan(s)
	if err != nil {
		r.t.Fatal(err)
	}
	outcome, killed := &Outcome{}, false
	round := newRound(plan)
	for batch := round.next(16); len(batch) > 0 && !killed; batch = round.next(16) {
		for _, e := range batch {
			err := r.evict(e)
			switch round.answered(e, err) {
			case refusal.None:
				outcome.Evicted = append(outcome.Evicted, e)
				killed = killed || r.random.IntN(20) == 0
			case refusal.Refused:
				outcome.Kept = append(outcome.Kept, TriedEviction{e, err})
			}
		}
	}
	if killed {
		r.kills++
		r.start()
		return
	}
	r.memory.note(s, plan, outcome)
}

// evict is the API server's answer.
func (r *repairs) evict(e EvictPod) error {
	owner := r.ownerOf(e.Pod)
	switch r.kinds[owner] {
	case protected:
		return budgetKeeps
	case kept:
		return policyKeeps
	}
	if pods.Ready(e.Pod) {
		r.evictions[owner]++
		r.down[owner]++
	}
	r.pods = slices.DeleteFunc(r.pods, func(p *corev1.Pod) bool { return p.UID == e.Pod.UID })
	r.due = append(r.due, owner)
	return nil
}

// step lets one thing happen.
func (r *repairs) step() {
	switch n := r.random.IntN(10); {
	case n < 4:
		r.look()
	case n < 6 && len(r.due) > 0:
		r.makePod(r.due[0], false)
		r.due = r.due[1:]
	case n < 8:
		r.becomeReady()
	default:
		r.now = r.now.Add(time.Duration(r.random.IntN(4000)) * time.Millisecond)
	}
}

// becomeReady is a kubelet's.
func (r *repairs) becomeReady() {
	for _, pod := range r.pods {
		if owner := r.ownerOf(pod); !pods.Ready(pod) && r.kinds[owner] != homeless {
			build.SetReady(pod, true, r.now)
			r.down[owner] = max(0, r.down[owner]-1)
			return
		}
	}
}

func (r *repairs) check() {
	r.t.Helper()
	taken := 0
	for owner, n := range r.down {
		taken += n
		switch limit := (1 + r.kills) * r.most; {
		case r.kinds[owner] == nameTaken && r.evictions[owner] > 0:
			r.t.Fatalf("%d evictions from %s, whose Pods would have no sidecars again", r.evictions[owner], owner)
		case r.kinds[owner] == stripped && r.evictions[owner] > limit:
			r.t.Fatalf("%d evictions in vain from %s after %d restarts of the operator, maxUnavailable is %d", r.evictions[owner], owner, r.kills, r.most)
		}
	}
	if taken > r.most*(1+r.kills) {
		r.t.Fatalf("%d Pods are down because of repair after %d restarts of the operator, maxUnavailable is %d", taken, r.kills, r.most)
	}
}

// left are the Pods of healthy ReplicaSets that are still without their sidecars, and the homeless ones.
func (r *repairs) left() []string {
	var out []string
	for _, u := range r.snapshot().Uninjected {
		if k := r.kinds[r.ownerOf(u.Pod)]; k == healthy || k == homeless {
			out = append(out, u.Pod.Name)
		}
	}
	return out
}

func TestRepairInRandomOrder(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRepairs(t, seed)
			r.now = build.Epoch.Add(time.Hour + time.Second)
			for range 300 {
				r.step()
				r.check()
			}
			for range 200 { // a cluster in which nothing else happens
				r.settle()
				r.check()
			}
			if left := r.left(); len(left) > 0 {
				t.Errorf("after %s these are still without their sidecars: %s; %d restarts", r.now.Sub(build.Epoch)-time.Hour, strings.Join(left, ", "), r.kills)
			}
		})
	}
}

// settle lets everything happen that is due.
func (r *repairs) settle() {
	if len(r.left()) > 0 {
		r.look()
	}
	for _, owner := range r.due {
		r.makePod(owner, false)
	}
	r.due = nil
	r.becomeReady()
	r.now = r.now.Add(5 * time.Second)
}
