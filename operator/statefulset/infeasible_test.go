// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// oneSmall is a set of three Pods, of which the API server lets web-1 request 1 cpu at most as long as it is where it is:
// its node has no more.
type oneSmall struct {
	*world
	uid   types.UID
	grown bool
}

func newOneSmall(t *testing.T, policy v1beta1.PodUpdatePolicyType, change func(*v1beta1.StatefulSetSpec)) *oneSmall {
	t.Helper()
	set := build.MakeStatefulSet("web").Replicas(3).Parallel().Policy(policy).Spec(func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: build.Quantity("100m")}
		if change != nil {
			change(spec)
		}
	})
	s := &oneSmall{world: settled(t, set)}
	s.uid = s.pod("web-1").UID
	s.writer.Policy = func(before, after client.Object) error {
		was, ok := before.(*corev1.Pod)
		if !ok || after == nil || s.grown || was.UID != s.uid {
			return nil
		}
		had, wanted := cpuOf(was), cpuOf(after.(*corev1.Pod))
		if wanted.Cmp(build.Quantity("1")) > 0 && wanted.Cmp(had) != 0 {
			return cluster.TooBig(was.Name)
		}
		return nil
	}
	return s
}

func cpuOf(pod *corev1.Pod) resource.Quantity {
	return *pod.Spec.Containers[0].Resources.Requests.Cpu()
}

func (s *oneSmall) has() string {
	var out []string
	for _, pod := range s.Pods() {
		amount := cpuOf(pod)
		out = append(out, strings.TrimPrefix(pod.Spec.Containers[0].Image, "app:")+" "+amount.String())
	}
	return strings.Join(out, ", ")
}

func (s *oneSmall) says() string {
	status := s.set("web").Status
	out := fmt.Sprintf("%s, %d/%d", status.Summary, status.UpdatedReplicas, status.UpdatedAvailableReplicas)
	for _, kind := range []string{v1beta1.ConditionReady, v1beta1.ConditionUpdateLimited, v1beta1.ConditionFailedUpdatePod} {
		if c := meta.FindStatusCondition(status.Conditions, kind); c != nil {
			out += fmt.Sprintf(", %s=%s %s", kind, c.Status, c.Reason)
		}
	}
	return out
}

func (s *oneSmall) expect(when, has, says string) {
	s.T.Helper()
	if diff := cmp.Diff([]string{has, says}, []string{s.has(), s.says()}); diff != "" {
		status := s.set("web").Status
		s.T.Fatalf("%s (-want +got):\n%s\n%s\n%s", when, diff, s.said(&status, v1beta1.ConditionReady), s.tail())
	}
}

// cpuAnd asks for 2 cpu, and for an image.
func (s *oneSmall) cpuAnd(image string) {
	s.edit("cpu and "+image, func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].Image = image
		spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity("2")
	})
}

const (
	complete = "Complete, 3/3, Ready=True Complete"
	limited  = complete + ", UpdateLimited=True ResizeInfeasible"
)

// With InPlaceOnly a Pod whose node can never give it its resources gets all else, and is said to be limited.
func TestAResizeThatANodeCanNeverGiveLimitsAPod(t *testing.T) {
	restarts := func(spec *v1beta1.StatefulSetSpec) {
		spec.Template.Spec.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{
			{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.RestartContainer},
		}
	}
	for name, test := range map[string]struct {
		set   func(*v1beta1.StatefulSetSpec)
		image string
		has   string
	}{
		"resources alone":                {nil, "app:1", "1 2, 1 100m, 1 2"},
		"an image too":                   {nil, "app:2", "2 2, 2 100m, 2 2"},
		"a resize that restarts":         {restarts, "app:1", "1 2, 1 100m, 1 2"},
		"an image, and it would restart": {restarts, "app:2", "2 2, 2 100m, 2 2"},
		"with a grace period, and a hook": {func(spec *v1beta1.StatefulSetSpec) {
			restarts(spec)
			spec.UpdateStrategy.RollingUpdate.InPlaceUpdateStrategy = &v1beta1.InPlaceUpdateStrategy{GracePeriodSeconds: 2}
		}, "app:2", "2 2, 2 100m, 2 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOneSmall(t, v1beta1.InPlaceOnlyPodUpdatePolicy, test.set)
			s.cpuAnd(test.image)
			s.lasts(60)
			s.expect("after the change", test.has, limited)
			status := s.set("web").Status
			said := meta.FindStatusCondition(status.Conditions, v1beta1.ConditionUpdateLimited).Message
			if want := " (node didn't have enough allocatable resources: cpu, requested: 2100, allocatable: 2000)"; !strings.Contains(said, "web-1 on node ") || !strings.Contains(said, want) {
				t.Errorf("UpdateLimited: %s", said)
			}

			s.restart()
			s.cache.Sync()
			s.reconcile(context.Background())
			s.expect("with another operator", test.has, limited)

			s.image("app:3")
			if down := s.lasts(60); down > 1 {
				t.Errorf("%d Pods were down at once", down)
			}
			s.expect("after the next image", "3 2, 3 100m, 3 2", limited)

			s.grown = true
			s.lasts(180)
			s.expect("after the node has grown", "3 2, 3 2, 3 2", complete)
			if s.pod("web-1").UID != s.uid {
				t.Error("the Pod was recreated")
			}
		})
	}
}

// With InPlaceIfPossible such a Pod is recreated, in its turn.
func TestAResizeThatANodeCanNeverGiveRecreatesAPod(t *testing.T) {
	s := newOneSmall(t, v1beta1.InPlaceIfPossiblePodUpdatePolicy, nil)
	s.cpuAnd("app:2")
	if down := s.lasts(60); down > 1 {
		t.Errorf("%d Pods were down at once", down)
	}
	s.expect("after the change", "2 2, 2 2, 2 2", complete)
	if s.pod("web-1").UID == s.uid {
		t.Error("the Pod was not recreated")
	}

	s = newOneSmall(t, v1beta1.InPlaceOnlyPodUpdatePolicy, nil)
	s.cpuAnd("app:2")
	s.lasts(60)
	s.edit("InPlaceIfPossible", func(spec *v1beta1.StatefulSetSpec) {
		spec.UpdateStrategy.RollingUpdate.PodUpdatePolicy = v1beta1.InPlaceIfPossiblePodUpdatePolicy
	})
	s.lasts(60)
	s.expect("with another policy", "2 2, 2 2, 2 2", complete)
}

func TestWhatANodeCanNeverGiveIsHardlyAskedAbout(t *testing.T) {
	s := newOneSmall(t, v1beta1.InPlaceOnlyPodUpdatePolicy, nil)
	s.cpuAnd("app:1")
	s.lasts(60)
	s.writer.Requests = nil
	s.lasts(600)
	s.expect("after ten minutes", "1 2, 1 100m, 1 2", limited)
	resizes := 0
	for _, r := range s.writer.Requests {
		switch {
		case r.Verb == "patch/resize":
			resizes++
		case !strings.HasPrefix(r.Verb, "try"):
			t.Errorf("%v: want nothing but resizes", r)
		}
	}
	if resizes > 6 || resizes < 3 {
		t.Errorf("%d resizes in ten minutes: %v", resizes, s.writer.Requests)
	}
}

// Going back, or to what the node can give, ends it.
func TestLessEndsALimit(t *testing.T) {
	for _, amount := range []string{"100m", "500m"} {
		s := newOneSmall(t, v1beta1.InPlaceOnlyPodUpdatePolicy, nil)
		s.cpuAnd("app:2")
		s.lasts(60)
		s.edit("less", func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = build.Quantity(amount)
		})
		s.lasts(60)
		s.expect("with "+amount, strings.Join([]string{"2 " + amount, "2 " + amount, "2 " + amount}, ", "), complete)
	}
}
