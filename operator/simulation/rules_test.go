// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
)

// policies are those of an installation; its default is there twice.
var policies = []v1beta1.ImagePreDownloadPolicy{
	v1beta1.ImagePreDownloadOff, v1beta1.ImagePreDownloadFirstNode, v1beta1.ImagePreDownloadFirstNode, v1beta1.ImagePreDownloadEveryNode,
}

// giveRules gives a SidecarSet some of the rules by which Pods are spared. How long they serve before they count, and
// the hook, stay as they are; all else may be changed later.
func (s *simulation) giveRules(set *v1beta1.SidecarSet) {
	for _, rule := range []struct {
		chance int
		change func(*v1beta1.SidecarSetSpec)
	}{
		{50, s.changePerWorkload}, {15, s.changeRespect}, {25, s.changeTopology}, {30, s.changeGrace}, {50, s.changePreDownload},
	} {
		if s.chance(rule.chance) {
			rule.change(&set.Spec)
		}
	}
	if s.chance(25) {
		set.Spec.UpdateStrategy.MinReadySeconds = 1 + s.random.Int32N(40)
	}
	if s.chance(30) {
		set.Spec.Lifecycle = &v1beta1.SidecarSetLifecycle{InPlaceUpdate: &v1beta1.LifecycleHook{
			LabelsHandler: map[string]string{drainedLabel(set.Name): "false"}, MarkPodNotReady: s.chance(70),
			TimeoutSeconds: ptr.To(10 + s.random.Int32N(60)),
		}}
	}
}

// drainedLabel is what the hook of a SidecarSet goes by.
func drainedLabel(set string) string { return set + ".example/drained" }

func (s *simulation) changePerWorkload(spec *v1beta1.SidecarSetSpec) {
	spec.UpdateStrategy.MaxUnavailablePerWorkload = []*intstr.IntOrString{
		nil, ptr.To(intstr.FromInt32(1)), ptr.To(intstr.FromString("50%")), ptr.To(intstr.FromString("100%")),
	}[s.random.IntN(4)]
}

func (s *simulation) changeRespect(spec *v1beta1.SidecarSetSpec) {
	if spec.UpdateStrategy.DisruptionBudgets == v1beta1.IgnoreDisruptionBudgets {
		spec.UpdateStrategy.DisruptionBudgets = v1beta1.RespectDisruptionBudgets
		return
	}
	spec.UpdateStrategy.DisruptionBudgets = v1beta1.IgnoreDisruptionBudgets
}

func (s *simulation) changeTopology(spec *v1beta1.SidecarSetSpec) {
	if spec.UpdateStrategy.TopologyKey != "" {
		spec.UpdateStrategy.TopologyKey = ""
		return
	}
	spec.UpdateStrategy.TopologyKey = "zone"
}

func (s *simulation) changeGrace(spec *v1beta1.SidecarSetSpec) {
	spec.UpdateStrategy.GracePeriodSeconds = s.random.Int32N(20)
}

func (s *simulation) changePreDownload(spec *v1beta1.SidecarSetSpec) {
	spec.UpdateStrategy.ImagePreDownload = &v1beta1.SidecarSetImagePreDownload{
		Policy: append(policies, "")[s.random.IntN(len(policies)+1)], Parallelism: ptr.To(1 + s.random.Int32N(3)),
		TimeoutSeconds: ptr.To(30 + s.random.Int32N(120)),
	}
}

// giveSetRules gives a StatefulSet what it shares with SidecarSets.
func (s *simulation) giveSetRules(rolling *v1beta1.RollingUpdateStatefulSetStrategy) {
	if s.chance(50) {
		rolling.DisruptionBudgets = v1beta1.RespectDisruptionBudgets
	}
	if s.chance(30) {
		rolling.InPlaceUpdateStrategy = &v1beta1.InPlaceUpdateStrategy{
			ImagePreDownloadParallelism:    ptr.To(intstr.FromInt32(1 + s.random.Int32N(3))),
			ImagePreDownloadTimeoutSeconds: ptr.To(30 + s.random.Int32N(120)),
		}
	}
}

// changeRules is a person who changes one of the rules of a SidecarSet.
func (s *simulation) changeRules(spec *v1beta1.SidecarSetSpec) {
	[]func(*v1beta1.SidecarSetSpec){
		s.changePerWorkload, s.changeRespect, s.changeTopology, s.changeGrace, s.changePreDownload,
	}[s.random.IntN(5)](spec)
}

// hookedStates are what the program behind a hook sets its label to when a Pod enters a state.
var hookedStates = map[v1beta1.LifecycleStateType]string{
	v1beta1.LifecycleStatePreparingUpdate: "true", v1beta1.LifecycleStateUpdated: "false",
}

// program is that behind the hooks of the SidecarSets: it drains a Pod, or takes it back.
func (s *simulation) program(pod *corev1.Pod) {
	if s.asleep {
		return
	}
	for _, key := range []string{agentKey.Name, meshKey.Name} {
		value, label := hookedStates[stateOf(pod, key)], drainedLabel(key)
		if has, hooked := pod.Labels[label]; hooked && value != "" && has != value {
			s.ChangePod(client.ObjectKeyFromObject(pod), func(pod *corev1.Pod) { pod.Labels[label] = value })
			s.say("the program of %s sets %s of %s", key, value, pod.Name)
		}
	}
}

// stateOf is where a Pod is between the hooks of a SidecarSet.
func stateOf(pod *corev1.Pod, set string) v1beta1.LifecycleStateType {
	states := map[string]struct {
		State v1beta1.LifecycleStateType `json:"state"`
	}{}
	_ = json.Unmarshal([]byte(pod.Annotations[v1beta1.SidecarSetLifecycleAnnotation]), &states)
	return states[set].State
}

// workers are all Pods but those that only pull an image.
func (s *simulation) workers() []*corev1.Pod {
	return slices.DeleteFunc(s.Pods(), func(pod *corev1.Pod) bool { return pull.Is(pod) })
}

// registry is what happens to it: it loses an image for a while, or a tag is pushed that was missing.
func (s *simulation) registry() {
	if name := []string{"agent", "mesh", "app"}[s.random.IntN(3)]; s.chance(50) {
		s.nodes.Pushed[name+":bad"] = true
		s.say("the registry gets %s:bad", name)
		return
	}
	image := fmt.Sprintf("%s:%d", []string{"agent", "mesh", "app"}[s.random.IntN(3)], 2+s.random.IntN(2))
	s.nodes.Broken[image] = !s.nodes.Broken[image]
	s.say("the registry has lost %s: %t", image, s.nodes.Broken[image])
}
