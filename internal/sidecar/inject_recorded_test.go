// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// tokenPath is where the API server mounts the service account's token, into sidecars too, after injection.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// uninjected is a recorded Pod as it was sent to the API server, more or less: without what was injected into it,
// sidecars and annotations.
func uninjected(recorded *corev1.Pod) *corev1.Pod {
	pod := recorded.DeepCopy()
	maps.DeleteFunc(pod.Annotations, func(key, _ string) bool {
		return key != corev1.LastAppliedConfigAnnotation
	})
	notOwn := func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v1beta1.SidecarInjectedEnv })
	}
	pod.Spec.Containers = slices.DeleteFunc(pod.Spec.Containers, notOwn)
	pod.Spec.InitContainers = slices.DeleteFunc(pod.Spec.InitContainers, notOwn)
	return pod
}

func TestPodsComeOutAsOpenKruiseMadeThem(t *testing.T) {
	var sets v1beta1.SidecarSetList
	var pods corev1.PodList
	load(t, "created-sidecarsets.json", &sets)
	load(t, "created-pods.json", &pods)
	compared := 0
	for i := range pods.Items {
		recorded := &pods.Items[i]
		var injected []*sidecar.Set
		for j := range sets.Items {
			if slices.Contains(sidecar.InjectedSets(recorded.Annotations), sets.Items[j].Name) {
				injected = append(injected, compile(t, &sets.Items[j]))
			}
		}
		// old-version was pinned to a revision that is not among the objects.
		if len(injected) == 0 || injected[0].Name() == "old-version" {
			continue
		}
		compared++
		t.Run(recorded.Name, func(t *testing.T) {
			pod := uninjected(recorded)
			injection, err := sidecar.Inject(pod, injected, metav1.NewTime(injectedAt(t, recorded, injected[0].Name())))
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(pod)
			coredefaults.SetObjectDefaults_Pod(pod)
			mountToken(pod)
			if diff := cmp.Diff(recorded.Annotations, pod.Annotations); diff != "" {
				t.Errorf("annotations (-OpenKruise +Windlass):\n%s", diff)
			}
			if diff := cmp.Diff(recorded.Spec, pod.Spec); diff != "" {
				t.Errorf("spec (-OpenKruise +Windlass):\n%s", diff)
			}
		})
	}
	if compared != 3 {
		t.Errorf("%d Pods were compared, want those of plain, hot and sized", compared)
	}
}

// mountToken does what the API server does after injection.
func mountToken(pod *corev1.Pod) {
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == tokenPath }) {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			if v.Projected != nil {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: tokenPath, ReadOnly: true})
			}
		}
	}
}

// injectedAt is when a Pod says that a set was injected into it.
func injectedAt(t *testing.T, pod *corev1.Pod, set string) time.Time {
	t.Helper()
	var records map[string]struct {
		UpdateTimestamp metav1.Time `json:"updateTimestamp"`
	}
	if err := json.Unmarshal([]byte(pod.Annotations[v1beta1.SidecarSetHashAnnotation]), &records); err != nil {
		t.Fatal(err)
	}
	return records[set].UpdateTimestamp.Time
}
