// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// Whoever may annotate a Pod must not be able to end a rollout, or the creation of Pods, with a word that JSON decodes
// to no map at all.
func TestRecordsThatSayNullAreAsGoodAsAbsent(t *testing.T) {
	version := func(image string) *sidecar.Set {
		return compile(t, build.MakeSidecarSet("s").Container("agent", image).Container("mesh", image).Spec(func(s *v1beta1.SidecarSetSpec) {
			s.Containers[1].UpgradeStrategy = v1beta1.SidecarContainerUpgradeStrategy{
				UpgradeType: v1beta1.SidecarContainerHotUpgrade, HotUpgradeEmptyImage: "empty:1",
			}
		}).Obj())
	}
	for _, key := range []string{
		v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetHashWithoutImageAnnotation, v1beta1.SidecarSetInPlaceUpdateStateAnnotation,
		v1beta1.SidecarSetWorkingContainersAnnotation, v1beta1.SidecarSetOmittedAnnotation, v1beta1.SidecarSetInjectedListAnnotation,
	} {
		for name, injects := range map[string]func(*corev1.Pod, []*sidecar.Set, metav1.Time) (*sidecar.Injection, error){
			"new": sidecar.Inject,
			"new, where injection is enforced": func(pod *corev1.Pod, sets []*sidecar.Set, now metav1.Time) (*sidecar.Injection, error) {
				return sidecar.InjectStrictly(pod, sets, now, nil)
			},
		} {
			t.Run(key+" of a Pod that is "+name, func(t *testing.T) {
				pod := build.MakePod("p").New().Annotation(key, "null").Obj()
				injection, err := injects(pod, []*sidecar.Set{version("a:1")}, now)
				if err != nil || len(injection.Sets) != 1 {
					t.Fatalf("injected %+v, error %v", injection, err)
				}
			})
		}
		t.Run(key+" of a Pod that runs", func(t *testing.T) {
			pod := build.MakePod("p").New().Obj()
			inject(t, pod, version("a:1"))
			build.RunContainers(pod)
			build.SetReady(pod, true, build.Epoch)
			pod.Annotations[key] = "null"
			second := version("a:2")
			change, err := second.Update(sidecar.NewView(pod, second), nil, now)
			if err != nil || len(change.Images) == 0 {
				t.Fatalf("change %+v, error %v", change, err)
			}
			carryOut(pod, change)
			pod.Annotations[v1beta1.SidecarSetInPlaceUpdateStateAnnotation] = "null"
			build.RunContainers(pod)
			if _, err := second.FinishHot(sidecar.NewView(pod, second), now); err != nil {
				t.Error(err)
			}
		})
	}
}
