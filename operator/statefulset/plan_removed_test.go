// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	cluster "github.com/windlass-operator/windlass/internal/testing/world"
)

// withoutLog removes claim template log and its mount, while the partition keeps all Pods at the revision that has
// both.
func withoutLog(w *world, replicas int32) {
	w.edit("no log any more", func(spec *v1beta1.StatefulSetSpec) {
		spec.Replicas, spec.UpdateStrategy.RollingUpdate.Partition = &replicas, ptr.To[int32](4)
		spec.VolumeClaimTemplates = spec.VolumeClaimTemplates[:1]
		spec.Template.Spec.Containers[0].VolumeMounts = spec.Template.Spec.Containers[0].VolumeMounts[:1]
	})
}

func TestAKeptRevisionMountsWhatItAlwaysMounted(t *testing.T) {
	set := func() *build.StatefulSetBuilder {
		return build.MakeStatefulSet("web").Replicas(2).Parallel().Claim("data", "1Gi").Claim("log", "1Gi").Spec(func(spec *v1beta1.StatefulSetSpec) {
			spec.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "log", MountPath: "/log"}}
		})
	}
	const kept = "the partition keeps it at revision <app:1>, which mounts volume log; that claim template was removed, and there is no claim "
	for name, test := range map[string]struct {
		set  *build.StatefulSetBuilder
		play func(w *world)
		want []string
	}{
		"a Pod comes back with the claim that is there": {set(), func(w *world) {
			withoutLog(w, 2)
			w.remove(cluster.Pod, "web-0")
		}, []string{"web-0 mounts data-web-0 log-web-0"}},
		"a new ordinal whose claim is not there": {set(), func(w *world) {
			withoutLog(w, 4)
			w.remove(cluster.Pod, "web-0")
		}, []string{
			"web-0 mounts data-web-0 log-web-0",
			"Pod web-2 cannot be created: " + kept + "log-web-2. Put the claim template back, or let partition be at most 2",
			"Pod web-3 cannot be created: " + kept + "log-web-3. Put the claim template back, or let partition be at most 3",
		}},
		"one after the other": {set().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.PodManagementPolicy = "OrderedReady" }), func(w *world) {
			withoutLog(w, 4)
		}, []string{"Pod web-2 cannot be created: " + kept + "log-web-2. Put the claim template back, or let partition be at most 2"}},
		"a claim that is going": {set(), func(w *world) {
			withoutLog(w, 2)
			w.remove(cluster.Pod, "web-0")
			w.changeClaim("log-web-0", func(claim *corev1.PersistentVolumeClaim) {
				claim.DeletionTimestamp, claim.Finalizers = ptr.To(metav1.NewTime(w.Now())), []string{"example.com/backup"}
			})
		}, []string{"Pod web-0 cannot be created: claim log-web-0 is being deleted (finalizers example.com/backup)"}},
		"a claim that goes with an earlier Pod": {set(), func(w *world) {
			withoutLog(w, 2)
			w.remove(cluster.Pod, "web-0")
			w.changeClaim("log-web-0", func(claim *corev1.PersistentVolumeClaim) {
				claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "web-0", UID: "earlier"}}
			})
		}, []string{"Pod web-0 cannot be created: claim log-web-0 still belongs to an earlier Pod of that name, and will be deleted with it as " +
			"persistentVolumeClaimRetentionPolicy said then"}},
		"above the partition nobody minds": {set(), func(w *world) {
			withoutLog(w, 2)
			w.rolling("partition 1", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](1) })
			w.remove(cluster.Pod, "web-1")
		}, []string{"web-1 mounts data-web-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, test.set)
			test.play(w)
			plan := w.plan()
			var got []string
			for _, c := range plan.Create {
				got = append(got, c.Pod.Name+" mounts "+strings.Join(cluster.ClaimsOf(c.Pod), " "))
			}
			for _, b := range plan.Blocked {
				got = append(got, w.short(b.Why))
			}
			for i := range got {
				for _, r := range w.recorded() {
					got[i] = strings.ReplaceAll(got[i], r.Name, "<app:1>")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if len(plan.Blocked) > 0 && plan.RequeueAfter == 0 {
				t.Error("nobody looks again for a claim of a template that is gone")
			}
			if _, outcome := w.reconcile(context.Background()); outcome.Err() != nil {
				t.Error(outcome.Err())
			}
		})
	}
}
