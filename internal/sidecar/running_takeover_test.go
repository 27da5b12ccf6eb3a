// SPDX-License-Identifier: Apache-2.0

package sidecar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// standing is how a recorded Pod stands to the recorded SidecarSet that was injected into it.
type standing struct{ Holds, Updated, Upgradable, Settled, Ready bool }

func TestPodsThatOpenKruiseInjectedAreJudgedAsItDid(t *testing.T) {
	all := standing{true, true, true, true, true}
	for name, test := range map[string]struct {
		prefix string
		want   map[string]standing
	}{
		"as created, all are up to date": {"created", map[string]standing{
			"plain": all, "old-version": all, "sized": all, "hot": all,
		}},
		"midway, one needs a new Pod": {"midway", map[string]standing{
			"plain": all, "old-version": all, "hot": all,
			"sized": {Holds: true, Settled: true, Ready: true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var sets v1beta1.SidecarSetList
			var pods corev1.PodList
			load(t, test.prefix+"-sidecarsets.json", &sets)
			load(t, test.prefix+"-pods.json", &pods)
			got := map[string]standing{}
			for i := range sets.Items {
				set := compile(t, &sets.Items[i])
				for j := range pods.Items {
					view := sidecar.NewView(&pods.Items[j], set)
					if _, wanted := test.want[set.Name()]; wanted && view.Injected(set.Name()) {
						got[set.Name()] = standing{view.Holds(), view.Updated(), view.Upgradable(), view.Settled(), view.Ready()}
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
		})
	}
}
