// SPDX-License-Identifier: Apache-2.0

package sidecarset_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/readiness"
)

// drainage is a cluster whose Pods leave service before their sidecars restart. The operator is stopped before or after
// any of its writes, the cache lags behind, the program behind the hook works when it likes, and people change their
// minds.
type drainage struct {
	*cluster
	random    *rand.Rand
	readiness loop.Controller
	max       int
	grace     time.Duration
	hooked    bool
	// stopped tells that the operator ends with the write that it is at. calm ends that, and lets the program work.
	stopped, calm bool
	// broken tells what a step did that must never be done.
	broken string
	log    []string
}

func newDrainage(t *testing.T, seed uint64) *drainage {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 11))
	d := &drainage{random: random, max: 1 + random.IntN(2)}
	set := build.MakeSidecarSet("s").MaxUnavailable(fmt.Sprint(d.max)).
		Spec(func(s *v1beta1.SidecarSetSpec) { s.UpdateStrategy.MaxUnavailablePerWorkload = nil })
	if d.hooked = random.IntN(2) == 0; d.hooked {
		set.Hook(v1beta1.LifecycleHook{
			LabelsHandler: map[string]string{"drained": "false"}, MarkPodNotReady: true, TimeoutSeconds: ptr.To[int32](30),
		})
	}
	if !d.hooked || random.IntN(2) == 0 {
		d.grace = time.Duration(5+random.IntN(10)) * time.Second
		set.Grace(int32(d.grace.Seconds()))
	}
	d.cluster = newCluster(t, set, "ns-0")
	d.client.Fault, d.client.Answer, d.client.Wrote = d.fault, d.answer, d.wrote
	d.begin()
	for i := range 2 + random.IntN(4) {
		d.Add(world.MakeNode(fmt.Sprint("node-", i), nil))
		d.addPod(i)
	}
	return d
}

func (d *drainage) addPod(i int) {
	pod := build.MakePod(fmt.Sprint("web-", i)).Namespace("ns-0").Label("app", "web").New().Obj()
	pod.CreationTimestamp = d.Second()
	if err := d.admit(pod, false); err != nil {
		d.T.Fatal(err)
	}
	d.Add(pod)
}

// begin begins a life of the operator.
func (d *drainage) begin() {
	d.stopped = false
	d.cache.Sync()
	d.start()
	d.readiness = readiness.New(loop.Cluster{Client: d.client, Live: d.Live(), Clock: d.Clock, Recorder: &events.FakeRecorder{}})
}

func (d *drainage) note(format string, args ...any) {
	d.log = append(d.log, fmt.Sprintf(format, args...))
}

var errStopped = errors.New("the operator is stopped")

// fault stops the operator before a write, answer after one.
func (d *drainage) fault(world.Request) error {
	if d.stopped = d.stopped || !d.calm && d.random.IntN(12) == 0; d.stopped {
		return errStopped
	}
	return nil
}

func (d *drainage) answer(r world.Request) error {
	if d.stopped = d.stopped || !d.calm && d.random.IntN(12) == 0; d.stopped {
		return errStopped
	}
	d.cache.Owe(r.Kind)
	return nil
}

// wrote looks at each write of a Pod.
func (d *drainage) wrote(r world.Request, before, after client.Object) {
	was, ok := before.(*corev1.Pod)
	if !ok {
		return
	}
	is := after.(*corev1.Pod)
	d.note("%s: image %s, held %v, %s", r, pods.Image(is, "agent"), podready.SidecarSets(is), is.Annotations[v1beta1.SidecarSetLifecycleAnnotation])
	if pods.Image(was, "agent") != pods.Image(is, "agent") {
		d.restarts(was)
	}
	held := 0
	for _, pod := range d.Pods() {
		if podready.Has(pod, podready.OfSidecarSet("s")) {
			held++
		}
	}
	if held > d.max {
		d.broken = fmt.Sprintf("%d Pods are held, maxUnavailable is %d", held, d.max)
	}
}

// restarts is told of each Pod whose sidecar is about to restart.
func (d *drainage) restarts(pod *corev1.Pod) {
	c := pods.Condition(pod, v1beta1.KruisePodReadyCondition)
	held := podready.Has(pod, podready.OfSidecarSet("s"))
	updating := strings.Contains(pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation], `"Updating"`)
	switch {
	case pods.Ready(pod):
		d.broken = pod.Name + " serves when its sidecar restarts"
	case held && !updating && d.hooked && pod.Labels["drained"] == "false":
		d.broken = pod.Name + " is hooked when its sidecar restarts"
	case held && !updating && d.Clock.Now().Sub(c.LastTransitionTime.Time) < d.grace:
		d.broken = pod.Name + " has not drained when its sidecar restarts"
	}
}

// look is one look of each controller.
func (d *drainage) look() {
	for _, pod := range d.Pods() {
		if _, err := d.readiness.Reconcile(quietly, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)}); err != nil {
			d.note("%v", err)
		}
	}
	if world.Get[*v1beta1.SidecarSet](d.Store, world.SidecarSet, setKey) != nil {
		if err := d.cluster.look(quietly); err != nil {
			d.note("%v", err)
		}
	}
	if d.stopped {
		d.note("the operator starts anew")
		d.begin()
	}
}

// mesh is the program behind the hook.
func (d *drainage) mesh(pod *corev1.Pod) {
	text := pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]
	for state, value := range map[string]string{"PreparingUpdate": "true", "Updated": "false"} {
		if strings.Contains(text, `"`+state+`"`) && pod.Labels["drained"] != value {
			d.ChangePod(client.ObjectKeyFromObject(pod), func(pod *corev1.Pod) { pod.Labels["drained"] = value })
			d.note("mesh sets drained=%s on %s", value, pod.Name)
		}
	}
}

func (d *drainage) step() {
	pod := d.Pods()[d.random.IntN(len(d.Pods()))]
	switch n := d.random.IntN(100); {
	case n < 35:
		d.look()
	case n < 60:
		d.nodes.Kubelet(client.ObjectKeyFromObject(pod))
	case n < 75:
		d.cache.Deliver(world.Pod, 1+d.random.IntN(3))
	case n < 82:
		d.mesh(pod)
	case n < 86:
		d.edit(func(spec *v1beta1.SidecarSetSpec) {
			spec.Containers[0].Image = fmt.Sprint("agent:", 1+d.random.IntN(3))
		})
	case n < 88:
		d.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = !spec.UpdateStrategy.Paused })
	case n < 97:
		d.Pass(time.Duration(1+d.random.IntN(6)) * time.Second)
	default:
		d.Pass(time.Minute)
	}
}

// settle lets everything happen that is due. It returns what is not as it should be in the end.
func (d *drainage) settle(finished func() string) (left string) {
	d.calm = true
	for range 150 {
		if left = finished(); left == "" || d.broken != "" {
			return left
		}
		d.Pass(10 * time.Second)
		d.cache.Sync()
		d.look()
		for _, pod := range d.Pods() {
			d.nodes.Kubelet(client.ObjectKeyFromObject(pod))
			d.mesh(pod)
		}
	}
	return left
}

// finished says of a Pod what it still waits for.
func (d *drainage) finished() string {
	set := d.compiled()
	for _, pod := range d.Pods() {
		view := sidecar.NewView(pod, set)
		if !view.Updated() || !view.Ready() || !view.Settled() || view.Begun() || view.Unhooked() {
			return pod.Name
		}
	}
	return ""
}

// letGo says which Pod is still held, or between hooks.
func (d *drainage) letGo() string {
	for _, pod := range d.Pods() {
		if len(sidecar.OpenUpdates(pod)) > 0 || !pods.Ready(pod) && len(pod.Status.ContainerStatuses) > 0 {
			return pod.Name
		}
	}
	return ""
}

func (d *drainage) tail() string { return strings.Join(d.log[max(0, len(d.log)-40):], "\n") }

func TestSimulatedDraining(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			d := newDrainage(t, seed)
			for range 150 {
				if d.step(); d.broken != "" {
					t.Fatalf("%s\n%s", d.broken, d.tail())
				}
			}
			finished := d.finished
			if seed%4 == 0 { // the set goes, and with it all that it has left in Pods
				d.Delete(world.SidecarSet, setKey)
				finished = d.letGo
			} else {
				d.edit(func(spec *v1beta1.SidecarSetSpec) {
					spec.UpdateStrategy.Paused, spec.Containers[0].Image = false, "agent:final"
				})
			}
			if left := d.settle(finished); left != "" || d.broken != "" {
				t.Fatalf("%s is not at its end: %s\n%s", left, d.broken, d.tail())
			}
		})
	}
}

// What draining costs is one write of a condition for each time that it changes, and one for what a hook is told.
func TestWritesForEachPod(t *testing.T) {
	hook := v1beta1.LifecycleHook{LabelsHandler: map[string]string{"drained": "false"}, MarkPodNotReady: true}
	for name, test := range map[string]struct {
		set  *build.SidecarSetBuilder
		want []string
	}{
		"without draining": {build.MakeSidecarSet("s"), []string{"patch Pod ns-0/web-0"}},
		"with a grace period": {build.MakeSidecarSet("s").Grace(10), []string{
			"patch/status Pod ns-0/web-0", "patch Pod ns-0/web-0", "patch/status Pod ns-0/web-0",
		}},
		"with a hook": {build.MakeSidecarSet("s").Grace(10).Hook(hook), []string{
			"patch/status Pod ns-0/web-0", "patch Pod ns-0/web-0", "patch Pod ns-0/web-0", "patch/status Pod ns-0/web-0", "patch Pod ns-0/web-0",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drainage{random: rand.New(rand.NewPCG(1, 1)), max: 1, calm: true}
			d.cluster = newCluster(t, test.set, "ns-0")
			d.client.Answer = d.answer
			d.begin()
			d.Add(world.MakeNode("node-0", nil))
			d.addPod(0)
			if left := d.settle(d.finished); left != "" {
				t.Fatalf("%s does not serve", left)
			}
			d.client.Requests = nil
			d.edit(func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Image = "agent:2" })
			if left := d.settle(d.finished); left != "" {
				t.Fatalf("%s is not updated", left)
			}
			var got []string
			for _, r := range d.client.Requests {
				if r.Kind == world.Pod && !strings.HasPrefix(r.Verb, "try") {
					got = append(got, r.String())
				}
			}
			if diff := cmp.Diff(test.want, slices.Clip(got)); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}
