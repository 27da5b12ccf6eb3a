// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// rich is a set with parts that get defaults, and others that get none.
func rich() *v1beta1.SidecarSet {
	return build.MakeSidecarSet("s").Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
		s.Volumes = []corev1.Volume{{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}}
		c := &s.Containers[0]
		c.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80}}
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0.1")}
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	}).Obj()
}

// What a set shares with its object changes neither of them.
func TestASetSharesWithItsObjectOnlyWhatIsTheSame(t *testing.T) {
	object := rich()
	before := object.DeepCopy()
	set, err := Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, object); diff != "" {
		t.Errorf("object (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(Default(&before.Spec), set.Spec); diff != "" {
		t.Errorf("spec (-defaulted +shared):\n%s", diff)
	}
	mine, stored := &set.Spec.Containers[0], &object.Spec.Containers[0]
	for part, shared := range map[string]bool{
		"selector": set.Spec.Selector == object.Spec.Selector, "env": &mine.Env[0] == &stored.Env[0],
		"command of the probe": mine.ReadinessProbe.Exec == stored.ReadinessProbe.Exec,
		"limits":               reflect.ValueOf(mine.Resources.Limits).Pointer() == reflect.ValueOf(stored.Resources.Limits).Pointer(),
	} {
		if !shared {
			t.Errorf("%s: kept twice", part)
		}
	}
	if &mine.Ports[0] == &stored.Ports[0] || mine.ReadinessProbe == stored.ReadinessProbe {
		t.Error("what has defaults is shared with the object, which has none")
	}
}

func TestARenewedSetIsAsIfItWereCompiled(t *testing.T) {
	set, err := Compile(rich())
	if err != nil {
		t.Fatal(err)
	}
	later := rich()
	later.ResourceVersion, later.Status.MatchedPods = "2", 7
	want, err := Compile(later)
	if err != nil {
		t.Fatal(err)
	}
	got := set.Renewed(later)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("renewed: %+v, want %+v", got, want)
	}
	if got.Spec.Selector != later.Spec.Selector || set.Object.Status.MatchedPods != 0 {
		t.Error("the former object is kept, or was changed")
	}
}
