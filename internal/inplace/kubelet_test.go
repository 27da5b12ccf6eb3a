// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/inplace"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestWhatAChangeAsksOfAKubelet(t *testing.T) {
	pod := build.MakePod("web-0").InitContainer("mesh", "mesh:1").InitContainer("setup", "setup:1").Running().Obj()
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == "mesh" {
			pod.Spec.InitContainers[i].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		} else {
			pod.Spec.InitContainers[i].RestartPolicy = nil
		}
	}
	resources := map[string]corev1.ResourceRequirements{"app": build.Resources("1", "1Gi")}
	for name, test := range map[string]struct {
		change  inplace.Change
		kubelet string
		// obstacle is a part of what stands against it, waits whether it is put off.
		obstacle string
		waits    bool
	}{
		"an image, whatever the kubelet":       {inplace.Change{Images: map[string]string{"app": "app:2"}}, "", "", false},
		"a native sidecar":                     {inplace.Change{Images: map[string]string{"mesh": "mesh:2"}}, "v1.32.0", "", false},
		"a native sidecar, too old":            {inplace.Change{Images: map[string]string{"mesh": "mesh:2"}}, "v1.31.9", "native sidecars (NotUpgradable: kubelet v1.31.9 of node n restarts none, 1.32.0 does)", false},
		"a native sidecar, nobody knows":       {inplace.Change{Images: map[string]string{"mesh": "mesh:2"}}, "", "", true},
		"a native sidecar with the same image": {inplace.Change{Images: map[string]string{"mesh": "mesh:1"}}, "v1.30.0", "", false},
		"a native sidecar starts anew":         {inplace.Change{Restart: map[string]string{"mesh": "mesh:1"}}, "v1.31.0", "native sidecars", false},
		"an init container that has run":       {inplace.Change{Images: map[string]string{"setup": "setup:2"}}, "v1.31.0", "", false},
		"a resize":                             {inplace.Change{Resources: resources}, "v1.32.7", "resources (kubelet v1.32.7 of node n resizes no containers, 1.33.0 does)", false},
		"a resize, new enough":                 {inplace.Change{Resources: resources}, "v1.33.1+k3s1", "", false},
		"a resize, nobody knows":               {inplace.Change{Resources: resources}, "unknown", "", true},
		"a resize that is not made":            {inplace.Change{Resources: resources, ResizeRefused: "no"}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			needs := test.change.KubeletNeeds(pod)
			if got := needs.Obstacle("n", test.kubelet); (got == "") != (test.obstacle == "") || !strings.HasPrefix(got, test.obstacle) {
				t.Errorf("obstacle %q, want %q", got, test.obstacle)
			}
			if got := needs.Waits("n", test.kubelet); (got != "") != test.waits {
				t.Errorf("waits: %q", got)
			}
			if got := needs.Waits("", test.kubelet); got != "" {
				t.Errorf("without a node it waits: %q", got)
			}
		})
	}
}
