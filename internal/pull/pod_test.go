// SPDX-License-Identifier: Apache-2.0

package pull_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func owner() metav1.Object {
	return &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "mesh", UID: "mesh-uid"}}
}

func app(name, node string) *corev1.Pod {
	pod := build.MakePod(name).Namespace("shop").Container("mesh", "mesh:1").Obj()
	pod.Spec.NodeName = node
	return pod
}

func start(node, image string) pull.Start {
	return pull.Start{Key: pull.Key{Node: node, Image: image}, For: app("p", node), Container: "mesh"}
}

func TestAPullerPullsAsThePodDoesThatItIsFor(t *testing.T) {
	live := app("p", "node-1")
	live.Spec.ServiceAccountName, live.Spec.RuntimeClassName = "web", ptr.To("gvisor")
	live.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	live.Spec.Containers[1].ImagePullPolicy = corev1.PullAlways
	pod := pull.NewPod(start("node-1", "mesh:2"), live, "SidecarSet", owner(), 2*time.Minute)
	type way struct {
		Node, Namespace, Account, Image string
		Secrets                         []corev1.LocalObjectReference
		RuntimeClass                    *string
		Policy                          corev1.PullPolicy
		Deadline                        *int64
		Command                         []string
		Token                           *bool
	}
	spec := &pod.Spec
	want := way{
		"node-1", "shop", "web", "mesh:2", live.Spec.ImagePullSecrets, ptr.To("gvisor"), corev1.PullAlways, ptr.To(int64(180)),
		[]string{"/apps.kruise.io/image-puller"}, ptr.To(false),
	}
	got := way{
		spec.NodeName, pod.Namespace, spec.ServiceAccountName, spec.Containers[0].Image, spec.ImagePullSecrets, spec.RuntimeClassName,
		spec.Containers[0].ImagePullPolicy, spec.ActiveDeadlineSeconds, spec.Containers[0].Command, spec.AutomountServiceAccountToken,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the puller (-want +got):\n%s", diff)
	}
	if got := pull.KeyOf(pod); got != (pull.Key{Node: "node-1", Image: "mesh:2"}) {
		t.Errorf("its key is %+v", got)
	}
}

func TestPodSecurityLevelRestrictedTakesAPuller(t *testing.T) {
	pod := pull.NewPod(start("node-1", "mesh:2"), app("p", "node-1"), "SidecarSet", owner(), time.Minute)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Errorf("refused: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

func TestNothingIsInjectedIntoAPullerNorIsItOfASet(t *testing.T) {
	pod := pull.NewPod(start("node-1", "mesh:2"), app("p", "node-1"), "StatefulSet", owner(), time.Minute)
	if !sidecar.OptedOut(pod) {
		t.Error("it is injected")
	}
	for key, value := range map[string]string{"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"} {
		if pod.Annotations[key] != value {
			t.Errorf("annotation %s is %q, want %q", key, pod.Annotations[key], value)
		}
	}
	if pod.Labels["sidecar.istio.io/inject"] != "false" {
		t.Error("Istio asks the label first")
	}
	if !pull.Is(pod) || pull.Is(app("p", "node-1")) {
		t.Error("pullers are not told from other Pods")
	}
	if metav1.GetControllerOf(pod) != nil {
		t.Error("it has a controller, of which the disruption controller would ask the scale")
	}
	if _, _, ordinal := podcache.SplitOrdinal(pod.Name); ordinal {
		t.Errorf("its name %s is that of a StatefulSet's Pod", pod.Name)
	}
	everything := build.MakeSidecarSet("all").Container("agent", "agent:1").Obj()
	everything.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "no-such-label", Operator: metav1.LabelSelectorOpDoesNotExist},
	}}
	set, err := sidecar.Compile(everything)
	if err != nil {
		t.Fatal(err)
	}
	if set.MatchesPod(pod.Labels) || !set.MatchesPod(app("p", "node-1").Labels) {
		t.Error("a set that selects every Pod selects the puller too")
	}
	want := []string{"mesh-uid"}
	if diff := cmp.Diff(want, podcache.PullerOwner(pod)); diff != "" {
		t.Errorf("it is found by (-want +got):\n%s", diff)
	}
}

func TestNamesOfPullersAreLabelsAndDiffer(t *testing.T) {
	long := strings.Repeat("a", 300)
	seen := map[string]bool{}
	for _, object := range []metav1.Object{
		&metav1.ObjectMeta{Name: "mesh"}, &metav1.ObjectMeta{Name: "mesh.v2"}, &metav1.ObjectMeta{Name: long},
		&metav1.ObjectMeta{Name: strings.Repeat("a", 39) + ".b"}, &metav1.ObjectMeta{Namespace: "shop", Name: "mesh"},
	} {
		for _, kind := range []string{"SidecarSet", "StatefulSet"} {
			for _, key := range []pull.Key{{Node: "a", Image: "x:1"}, {Node: "b", Image: "x:1"}, {Node: "a", Image: "x:2"}, {Node: long, Image: long}} {
				name := pull.Name(kind, object, key)
				if seen[name] {
					t.Errorf("%s is there twice", name)
				}
				seen[name] = true
				if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
					t.Errorf("%s: %v", name, faults)
				}
			}
		}
	}
}

func TestWhatAVerdictReadsIsKeptInTheCache(t *testing.T) {
	pod := puller(ends("StartError", "x"))
	pod.OwnerReferences[0].UID = types.UID("u")
	trimmed, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	p := pull.Patience{Now: build.Epoch, Timeout: time.Minute}
	if got := pull.Judge(trimmed.(*corev1.Pod), p); got.State != pull.Has {
		t.Errorf("the trimmed puller shows %+v", got)
	}
	if got := pull.KeyOf(trimmed.(*corev1.Pod)); got != pull.KeyOf(pod) {
		t.Errorf("its key is %+v", got)
	}
}

// A StatefulSet may ask for any time; a Pod whose deadline is later than this would be refused, and nothing be found out.
func TestThereIsALastDeadlineOfAPod(t *testing.T) {
	for timeout, want := range map[time.Duration]int64{
		10 * time.Minute:            660,
		math.MaxInt32 * time.Second: math.MaxInt32,
	} {
		got := pull.NewPod(start("node-1", "mesh:2"), app("p", "node-1"), "StatefulSet", owner(), timeout).Spec.ActiveDeadlineSeconds
		if *got != want {
			t.Errorf("deadline %d s after a timeout of %v, want %d s", *got, timeout, want)
		}
	}
}
