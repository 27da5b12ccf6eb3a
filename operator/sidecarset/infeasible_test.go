// SPDX-License-Identifier: Apache-2.0

package sidecarset_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podready"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// oneSmall is a cluster of three Pods, of which the API server lets web-1 request 1 cpu at most: its node has no more.
type oneSmall struct {
	*cluster
	// grown tells that the node has got more. shrinks tells that it has less only when a resize is written, so that a dry run
	// shows nothing.
	grown, shrinks bool
	// held tells that web-1 was taken out of service.
	held bool
}

const small = "web-1"

func newOneSmall(t *testing.T, change func(*build.SidecarSetBuilder)) *oneSmall {
	t.Helper()
	set := build.MakeSidecarSet("s").Container("agent", "agent:1")
	set.Obj().Spec.Containers[0].Resources = cpu("100m")
	if change != nil {
		change(set)
	}
	c := &oneSmall{cluster: newCluster(t, set, "ns-0")}
	for i := range 3 {
		c.Add(world.MakeNode(fmt.Sprint("node-", i), nil))
		pod := build.MakePod(fmt.Sprint("web-", i)).Namespace("ns-0").Label("app", "web").New().Obj()
		pod.Spec.NodeName = fmt.Sprint("node-", i)
		if err := c.admit(pod, false); err != nil {
			t.Fatal(err)
		}
		if podready.Gated(pod) { // what the operator does for new Pods, in another controller
			world.SetCondition(pod, corev1.PodCondition{Type: v1beta1.KruisePodReadyCondition, Status: corev1.ConditionTrue})
		}
		c.Add(pod)
	}
	c.client.Policy = func(before, after client.Object) error {
		was, ok := before.(*corev1.Pod)
		if !ok || c.grown || c.shrinks {
			return nil
		}
		return c.tooBig(was, after.(*corev1.Pod))
	}
	c.client.Fault = func(r world.Request) error {
		if c.shrinks && r.Verb == "patch/resize" && r.Name == small {
			c.shrinks = false
			return world.TooBig(small)
		}
		return nil
	}
	c.lasts(10)
	c.client.Requests = nil
	return c
}

func (c *oneSmall) tooBig(was, is *corev1.Pod) error {
	now := is.Spec.Containers[0].Resources.Requests.Cpu()
	if is.Name == small && now.Cmp(build.Quantity("1")) > 0 && now.Cmp(*was.Spec.Containers[0].Resources.Requests.Cpu()) != 0 {
		return world.TooBig(small)
	}
	return nil
}

func cpu(amount string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: build.Quantity(amount)}}
}

// lasts lets a time pass in which everybody acts every second.
func (c *oneSmall) lasts(seconds int) {
	c.T.Helper()
	for range seconds {
		c.cache.Sync()
		if err := c.look(quietly); err != nil {
			c.T.Fatal(err)
		}
		for _, pod := range c.Pods() {
			c.nodes.Kubelet(client.ObjectKeyFromObject(pod))
		}
		if pod := c.Pod(world.Key{Namespace: "ns-0", Name: small}); podready.Has(pod, podready.OfSidecarSet("s")) {
			c.held = true
		}
		c.Pass(time.Second)
	}
}

// has is what the Pods have: image and cpu of each sidecar.
func (c *oneSmall) has() string {
	var out []string
	for _, pod := range c.Pods() {
		out = append(out, strings.TrimPrefix(pods.Image(pod, "agent"), "agent:")+" "+pod.Spec.Containers[0].Resources.Requests.Cpu().String())
	}
	return strings.Join(out, ", ")
}

// says is what the status says: Ready, UpdateLimited, STATUS, and how many Pods count as updated and ready.
func (c *oneSmall) says() string {
	status := c.set().Status
	out := fmt.Sprintf("%s, %d/%d", status.Summary, status.UpdatedPods, status.UpdatedReadyPods)
	for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionUpdateLimited} {
		if found := meta.FindStatusCondition(status.Conditions, kind); found != nil {
			out += fmt.Sprintf(", %s=%s %s", kind, found.Status, found.Reason)
		}
	}
	return out
}

const (
	complete = "Complete, 3/3, Ready=True Complete"
	limited  = "Limited 1, 3/3, Ready=True Complete, UpdateLimited=True ResizeInfeasible"
)

func (c *oneSmall) expect(when, has, says string) {
	c.T.Helper()
	if diff := cmp.Diff([]string{has, says}, []string{c.has(), c.says()}); diff != "" {
		ready := meta.FindStatusCondition(c.set().Status.Conditions, v1beta1.ConditionReady)
		c.T.Fatalf("%s (-want +got):\n%s\n%s\n%v", when, diff, ready.Message, c.client.Requests)
	}
}

// A resize that the API server refuses since the Pod's node can never give it limits the Pod: it gets all else, and the
// others and the next version wait for nothing.
func TestAResizeThatANodeCanNeverGive(t *testing.T) {
	grow := func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("2") }
	image := func(tag string) func(s *v1beta1.SidecarSetSpec) {
		return func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Image = "agent:" + tag }
	}
	for name, test := range map[string]struct {
		set     func(*build.SidecarSetBuilder)
		change  func(*v1beta1.SidecarSetSpec)
		shrinks bool
		has     string
	}{
		"resources alone":                     {nil, grow, false, "1 2, 1 100m, 1 2"},
		"an image too":                        {nil, func(s *v1beta1.SidecarSetSpec) { grow(s); image("2")(s) }, false, "2 2, 2 100m, 2 2"},
		"and the node has shrunk just before": {nil, func(s *v1beta1.SidecarSetSpec) { grow(s); image("2")(s) }, true, "2 2, 2 100m, 2 2"},
		"a resize that restarts, after draining": {func(b *build.SidecarSetBuilder) {
			b.Grace(2).Obj().Spec.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{
				{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.RestartContainer},
			}
		}, grow, false, "1 2, 1 100m, 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newOneSmall(t, test.set)
			c.shrinks = test.shrinks
			c.edit(test.change)
			c.lasts(30)
			c.expect("after the change", test.has, limited)
			said := meta.FindStatusCondition(c.set().Status.Conditions, v1beta1.ConditionUpdateLimited).Message
			if want := "ns-0/web-1 on node node-1 (node didn't have enough allocatable resources: cpu, requested: 2100, allocatable: 2000)"; !strings.Contains(said, want) {
				t.Errorf("UpdateLimited: %s", said)
			}
			if c.held {
				t.Error("the Pod was taken out of service for nothing")
			}

			c.start() // it remembers nothing, but the Pod does
			c.lasts(1)
			c.expect("with another operator", test.has, limited)

			c.edit(image("3"))
			c.lasts(30)
			c.expect("after the next image", "3 2, 3 100m, 3 2", limited)

			c.grown = true
			c.lasts(60)
			c.expect("after the node has grown", "3 2, 3 2, 3 2", complete)
		})
	}
}

// What is refused is asked about more and more rarely, and nothing else is written for it.
func TestWhatANodeCanNeverGiveIsHardlyAskedAbout(t *testing.T) {
	c := newOneSmall(t, nil)
	c.edit(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("2") })
	c.lasts(60)
	c.client.Requests = nil
	c.lasts(600)
	c.expect("after ten minutes", "1 2, 1 100m, 1 2", limited)
	if n := len(c.client.Requests); n > 6 || n < 3 {
		t.Errorf("%d requests in ten minutes: %v", n, c.client.Requests)
	}
	for _, r := range c.client.Requests {
		if r.Verb != "patch/resize" {
			t.Errorf("%v: want resizes alone", r)
		}
	}
}

// Amounts that the node can give end it.
func TestLessEndsALimit(t *testing.T) {
	c := newOneSmall(t, nil)
	c.edit(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("2") })
	c.lasts(30)
	c.edit(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("100m") })
	c.lasts(30)
	c.expect("with what it had", "1 100m, 1 100m, 1 100m", complete)
	c.edit(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("500m") })
	c.lasts(30)
	c.expect("with what it can have", "1 500m, 1 500m, 1 500m", complete)
}

// A policy is no node: it keeps the whole change from the Pod, as ever.
func TestAPolicyAgainstAResizeIsNoLimit(t *testing.T) {
	c := newOneSmall(t, nil)
	c.client.Policy = func(before, after client.Object) error {
		if was, ok := before.(*corev1.Pod); ok && c.tooBig(was, after.(*corev1.Pod)) != nil {
			return world.Denied("no more than 1 cpu")
		}
		return nil
	}
	c.edit(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Resources = cpu("2") })
	c.lasts(30)
	c.expect("after the change", "1 2, 1 100m, 1 2", "Rolling 2/3: Refused, 2/2, Ready=False PodsUpdating")
}
