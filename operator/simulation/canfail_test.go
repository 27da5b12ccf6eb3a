// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// rules are what a SidecarSet says of how Pods are updated.
type rules = v1beta1.SidecarSetUpdateStrategy

// judge lets the operator go by some rules of a SidecarSet and the observer by others.
func judge(has, judged func(*rules)) func(*simulation) {
	return func(s *simulation) {
		for _, key := range []world.Key{agentKey, meshKey} {
			s.editSidecars(key, "rules that are not those it is judged by", func(spec *v1beta1.SidecarSetSpec) { has(&spec.UpdateStrategy) })
		}
		s.fixed = has
		s.judged = func(spec *v1beta1.SidecarSetSpec) { judged(&spec.UpdateStrategy) }
	}
}

// An invariant that nothing breaks might say nothing: without the rule that the operator heeds for its sake it fails.
func TestEveryInvariantCanFail(t *testing.T) {
	for name, test := range map[string]struct {
		without func(*simulation)
		want    string
	}{
		"fewer Pods of a workload are down than may be": {judge(
			func(r *rules) {
				r.MaxUnavailable, r.MaxUnavailablePerWorkload = ptr.To(intstr.FromInt32(9)), ptr.To(intstr.FromString("100%"))
			},
			func(r *rules) { r.MaxUnavailablePerWorkload = ptr.To(intstr.FromInt32(1)) },
		), "is restarted with"},
		"the last Pod of a workload serves on": {judge(
			func(r *rules) {
				r.MaxUnavailable, r.MaxUnavailablePerWorkload = ptr.To(intstr.FromInt32(9)), ptr.To(intstr.FromString("100%"))
			},
			func(r *rules) { r.MaxUnavailablePerWorkload = nil },
		), "the last Pod of"},
		"no more is taken from a budget than it has": {judge(
			func(r *rules) { r.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets },
			func(r *rules) { r.DisruptionBudgets = v1beta1.RespectDisruptionBudgets },
		), "healthy Pods then of"},
		"nothing begins with maxUnavailable 0": {judge(
			func(*rules) {},
			func(r *rules) { r.MaxUnavailable = ptr.To(intstr.FromInt32(0)) },
		), "maxUnavailable is 0"},
		"one domain at a time": {judge(
			func(r *rules) { r.MaxUnavailable, r.TopologyKey = ptr.To(intstr.FromInt32(9)), "" },
			func(r *rules) { r.TopologyKey = "zone" },
		), "has not ended"},
		"no restart with an image that nobody has pulled": {judge(
			func(r *rules) {
				r.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: v1beta1.ImagePreDownloadOff}
			},
			func(r *rules) { r.ImagePreDownload.Policy = v1beta1.ImagePreDownloadFirstNode },
		), "has not pulled"},
		"no restart with an image that the Pod's own node has not pulled": {judge(
			func(r *rules) {
				r.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{Policy: v1beta1.ImagePreDownloadOff}
			},
			func(r *rules) { r.ImagePreDownload.Policy = v1beta1.ImagePreDownloadEveryNode },
		), "has not pulled"},
		"no puller outlives its deadline": {func(s *simulation) { s.hurried = true }, "outlives its deadline"},
		"what a Pod waits for is true": {judge(
			func(r *rules) { r.MaxUnavailable = ptr.To(intstr.FromInt32(1)) },
			func(r *rules) { r.MaxUnavailable = ptr.To(intstr.FromInt32(9)) },
		), "that is not so"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, test.without, test.want, 300)
		})
	}
}

// An operator that does not see its holds removes none.
func TestThatEveryHoldIsRemovedCanFail(t *testing.T) {
	without := func(s *simulation) {
		s.cache.Trims = append(s.cache.Trims, func(object any) (any, error) {
			if pod, ok := object.(*corev1.Pod); ok {
				if c := world.Condition(pod, v1beta1.KruisePodReadyCondition); c != nil {
					c.Message = ""
				}
			}
			return object, nil
		})
	}
	for seed := range uint64(100) {
		if strings.Contains(simulate(t, seed, without), "is held by") {
			return
		}
	}
	t.Error("100 histories, and no hold is left")
}

// A node that has the image of a sidecar and cannot pull the application's: the Pod is moved, since only the sidecar ran
// in it. Somebody who takes every container for the Pod's own calls that wrong.
func TestOnlyOwnContainersKeepAPod(t *testing.T) {
	for name, test := range map[string]struct {
		injectedAreOwn bool
		want           string
	}{
		"its own alone":   {false, ""},
		"every container": {true, "a container of its own ran"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation(t, 1)
			s.injectedAreOwn = test.injectedAreOwn
			s.editSet(webKey, "auto remediation", func(spec *v1beta1.StatefulSetSpec) {
				spec.AutoRemediation = &v1beta1.AutoRemediation{Enabled: true}
			})
			s.settle()
			pod := s.Pod(world.Key{Namespace: "default", Name: "web-0"})
			s.nodes.Troubles[pod.Spec.NodeName] = world.NoPull
			s.nodes.Forgets(pod.Spec.NodeName, "app:final")
			s.Delete(world.Pod, client.ObjectKeyFromObject(pod))
			for range 30 {
				for s.round() {
				}
				s.Pass(time.Minute)
			}
			if s.remediated == 0 || (s.complaint == "") != (test.want == "") || !strings.Contains(s.complaint, test.want) {
				t.Errorf("%d Pods are deleted; the observer says %q, want %q\n%s", s.remediated, s.complaint, test.want, s.tail())
			}
		})
	}
}

// expect plays histories until the observer says what it is to say. What else goes wrong in one does not count.
func expect(t *testing.T, without func(*simulation), want string, most uint64) {
	t.Helper()
	for seed := range most {
		s := newSimulation(t, seed)
		without(s)
		s.only = want
		for range 300 {
			s.step()
			s.check()
			if strings.Contains(s.complaint, want) {
				return
			}
		}
	}
	t.Errorf("%d histories, and nobody says %q", most, want)
}
