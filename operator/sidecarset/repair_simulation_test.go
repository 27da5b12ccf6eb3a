// SPDX-License-Identifier: Apache-2.0

package sidecarset_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// kind is what is special about a ReplicaSet of the simulation.
type kind string

const (
	healthy       kind = "healthy"       // its Pods get their sidecars when they are recreated
	nameTaken     kind = "clashing"      // a container of its Pods has the sidecar's name
	stripped      kind = "stripped"      // somebody takes the sidecars out again, and nobody knows
	protected     kind = "protected"     // a budget allows no eviction
	kept          kind = "kept"          // a policy refuses evictions
	unschedulable kind = "unschedulable" // its Pods find no node, before and after
)

// repairs is a cluster in which ReplicaSets of several kinds have missed their sidecars. Successors come in the same
// second or later; the operator is killed at any write, and then remembers nothing.
type repairs struct {
	*cluster
	random *rand.Rand
	most   int
	kinds  map[string]kind
	kills  int
	// dead tells that the operator is killed: nothing that it does then happens.
	dead bool
	// evictions counts by ReplicaSet the Pods that were evicted though they served, and down are those whose successors
	// do not serve yet.
	evictions map[string]int
	down      map[string]int
	// due are the ReplicaSets that are about to make a Pod.
	due  []string
	next int
}

// repairing is a set that asks for repair.
func repairing() *build.SidecarSetBuilder {
	return build.MakeSidecarSet("s").Spec(func(spec *v1beta1.SidecarSetSpec) { spec.RepairPolicy = v1beta1.RepairRecreate })
}

func newRepairs(t *testing.T, seed uint64) *repairs {
	random := rand.New(rand.NewPCG(seed, 11))
	r := &repairs{random: random, most: 1 + random.IntN(3), kinds: map[string]kind{}, evictions: map[string]int{}, down: map[string]int{}}
	r.cluster = newCluster(t, repairing().MaxUnavailable(fmt.Sprint(r.most)), "default")
	r.client.Fault, r.client.Answer, r.client.Admit, r.client.Wrote = r.fault, r.answer, r.admit, r.wrote
	r.Add(world.MakeNode("node-1", nil))
	for i, k := range []kind{healthy, nameTaken, stripped, protected, kept, unschedulable, healthy} {
		name := fmt.Sprintf("%c-%s%d", 'a'+random.IntN(26), k, i)
		r.kinds[name] = k
		for range 1 + random.IntN(3) {
			pod := r.podOf(name).Created(-time.Hour)
			if k != unschedulable {
				pod.Obj().Spec.NodeName = "node-1"
				pod.Running()
			}
			r.Add(pod.Obj())
		}
	}
	r.start()
	return r
}

func (r *repairs) podOf(owner string) *build.PodBuilder {
	r.next++
	pod := build.MakePod(fmt.Sprintf("%s-%d", owner, r.next)).Label("app", "web").New()
	pod.Obj().OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: world.ReplicaSet, Name: owner, UID: types.UID(owner), Controller: ptr.To(true)}}
	switch r.kinds[owner] {
	case nameTaken:
		pod.Obj().Spec.Containers[0].Name = "agent"
	case unschedulable:
		pod.Obj().Spec.NodeSelector = map[string]string{"pool": "none"}
	}
	return pod
}

func ownerOf(object client.Object) string { return metav1.GetControllerOf(object).Name }

// makePod is a ReplicaSet's.
func (r *repairs) makePod(owner string) {
	pod := r.podOf(owner).Obj()
	pod.CreationTimestamp = r.Second()
	if err := (&world.Client{Store: r.Store, Admit: r.admit}).Create(quietly, pod); err != nil {
		r.T.Fatal(err)
	}
}

// admit injects the sidecars where that is of use.
func (r *repairs) admit(object client.Object, dryRun bool) error {
	if pod, ok := object.(*corev1.Pod); ok && (r.kinds[ownerOf(pod)] == nameTaken || r.kinds[ownerOf(pod)] == stripped) {
		return nil
	}
	return r.cluster.admit(object, dryRun)
}

// look is one look of the operator; it may be killed after any eviction.
func (r *repairs) look() {
	r.cache.Sync()
	_ = r.cluster.look(quietly) // some evictions are refused
	if r.dead {
		r.kills++
		r.dead = false
		r.start()
	}
}

// fault refuses evictions, and all that an operator does that is killed.
func (r *repairs) fault(request world.Request) error {
	switch pod := r.Pod(request.Key()); {
	case r.dead:
		return context.Canceled
	case request.Verb != "evict":
	case r.kinds[ownerOf(pod)] == protected:
		return apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
	case r.kinds[ownerOf(pod)] == kept:
		return world.Denied("nothing is evicted here")
	}
	return nil
}

func (r *repairs) answer(request world.Request) error {
	if request.Verb == "evict" && r.random.IntN(20) == 0 {
		r.dead = true
		return errors.New("killed")
	}
	r.cache.Owe(request.Kind)
	return nil
}

// wrote counts what is evicted.
func (r *repairs) wrote(request world.Request, before, _ client.Object) {
	if request.Verb != "evict" {
		return
	}
	owner := ownerOf(before)
	if pods.Ready(before.(*corev1.Pod)) {
		r.evictions[owner]++
		r.down[owner]++
	}
	r.due = append(r.due, owner)
}

// step lets one thing happen.
func (r *repairs) step() {
	switch n := r.random.IntN(10); {
	case n < 4:
		r.look()
	case n < 6 && len(r.due) > 0:
		r.makePod(r.due[0])
		r.due = r.due[1:]
	case n < 8:
		_ = slices.ContainsFunc(r.Pods(), r.kubelet) // the first that has something to do
	default:
		r.Pass(time.Duration(r.random.IntN(4000)) * time.Millisecond)
	}
}

// kubelet takes a Pod one step further, and reports whether there was one to take.
func (r *repairs) kubelet(pod *corev1.Pod) bool {
	key := client.ObjectKeyFromObject(pod)
	said := r.nodes.Kubelet(key)
	if now := r.Pod(key); now != nil && !pods.Ready(pod) && pods.Ready(now) {
		r.down[ownerOf(pod)] = max(0, r.down[ownerOf(pod)]-1)
	}
	return said != ""
}

func (r *repairs) check() {
	r.T.Helper()
	taken := 0
	for owner, n := range r.down {
		taken += n
		switch limit := (1 + r.kills) * r.most; {
		case r.kinds[owner] == nameTaken && r.evictions[owner] > 0:
			r.T.Fatalf("%d evictions from %s, whose Pods would have no sidecars again", r.evictions[owner], owner)
		case r.kinds[owner] == stripped && r.evictions[owner] > limit:
			r.T.Fatalf("%d evictions in vain from %s after %d restarts of the operator, maxUnavailable is %d",
				r.evictions[owner], owner, r.kills, r.most)
		}
	}
	if taken > r.most*(1+r.kills) {
		r.T.Fatalf("%d Pods are down because of repair after %d restarts of the operator, maxUnavailable is %d", taken, r.kills, r.most)
	}
}

// left are the Pods of healthy ReplicaSets that are still without their sidecars, and those that find no node.
func (r *repairs) left() []string {
	var out []string
	for _, pod := range r.Pods() {
		if k := r.kinds[ownerOf(pod)]; (k == healthy || k == unschedulable) && pods.Find(pod, "agent") == nil {
			out = append(out, pod.Name)
		}
	}
	return out
}

func TestRepairInRandomOrder(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRepairs(t, seed)
			for range 300 {
				r.step()
				r.check()
			}
			for i := 0; i < 200 && len(r.left()) > 0; i++ { // a cluster in which nothing else happens
				r.settle()
				r.check()
			}
			if left := r.left(); len(left) > 0 {
				t.Errorf("after %s these are still without their sidecars: %s; %d restarts",
					r.Now().Sub(build.Epoch)-time.Hour, strings.Join(left, ", "), r.kills)
			}
		})
	}
}

// settle lets everything happen that is due.
func (r *repairs) settle() {
	r.look()
	for _, owner := range r.due {
		r.makePod(owner)
	}
	r.due = nil
	for _, pod := range r.Pods() {
		r.kubelet(pod)
	}
	r.Pass(5 * time.Second)
}
