// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// TestPhases keeps a whole set of every phase of its life in testdata/phases. The statuses are those that this package
// makes. Tools that read them, kstatus and the health checks of Argo CD, are tried on these files in e2e/contract.
func TestPhases(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	later := func(w *world, span time.Duration) { w.Pass(span) }
	for name, test := range map[string]struct {
		start func(t *testing.T) *world
		play  func(w *world)
	}{
		"unseen": {func(t *testing.T) *world { return newWorld(t, web()) }, nil},
		"starting": {func(t *testing.T) *world { return newWorld(t, web()) }, func(w *world) {
			w.pass()
		}},
		"starting-in-parallel": {func(t *testing.T) *world { return newWorld(t, web().Parallel()) }, func(w *world) {
			w.pass()
		}},
		"started-in-part": {func(t *testing.T) *world { return newWorld(t, web()) }, func(w *world) {
			w.once()
			w.once()
		}},
		"started-and-not-yet-available": {func(t *testing.T) *world {
			return newWorld(t, web().Parallel().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.MinReadySeconds = 10 }))
		}, func(w *world) {
			w.once()
			w.pass()
		}},
		"cannot-be-created": {func(t *testing.T) *world { return newWorld(t, web().Parallel()) }, func(w *world) {
			w.refused("create Pod web-0: pods \"web-0\" is forbidden: exceeded quota: small")
		}},
		"new-and-complete": {func(t *testing.T) *world { return settled(t, web()) }, nil},
		"scaling-up": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.replicas(5)
			w.once()
			w.pass()
		}},
		"scaling-down": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.replicas(1)
			w.pass()
		}},
		"scaled-to-nothing": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.replicas(0)
			w.roll()
		}},
		"changed-and-not-yet-seen": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
		}},
		"rolling-first-Pod": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
			w.pass()
		}},
		"rolling": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
			w.once()
			w.once()
			w.pass()
		}},
		"rolling-in-place": {func(t *testing.T) *world { return settled(t, web().InPlace()) }, func(w *world) {
			w.image("app:2")
			w.once()
			w.pass()
		}},
		"rolling-last-Pod": {func(t *testing.T) *world { return settled(t, web().Replicas(1).InPlace()) }, func(w *world) {
			w.image("app:2")
			w.pass()
		}},
		"complete": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
			w.roll()
		}},
		"restarted": {func(t *testing.T) *world { return settled(t, web().InPlace()) }, func(w *world) {
			w.edit("rollout restart", func(spec *v1beta1.StatefulSetSpec) {
				spec.Template.Annotations = map[string]string{v1beta1.RestartedAtAnnotation: "2026-01-02T04:05:06Z"}
			})
			w.roll()
		}},
		"pausing": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
			w.once()
			w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
			w.pass()
		}},
		"paused": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:2")
			w.once()
			w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
			w.roll()
		}},
		"paused-with-nothing-to-update": {func(t *testing.T) *world { return settled(t, web().Paused()) }, nil},
		"paused-with-a-broken-Pod": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:bad")
			w.roll()
			w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
			w.pass()
			later(w, 10*time.Minute+time.Second)
			w.pass()
		}},
		"rolling-to-the-partition": {func(t *testing.T) *world { return settled(t, web().Replicas(4).Partition(1)) }, func(w *world) {
			w.image("app:2")
			w.once()
			w.once()
			w.pass()
		}},
		"at-partition": {func(t *testing.T) *world { return settled(t, web().Partition(2)) }, func(w *world) {
			w.image("app:2")
			w.roll()
		}},
		"at-partition-that-lets-none-through": {func(t *testing.T) *world { return settled(t, web().Partition(3)) }, func(w *world) {
			w.image("app:2")
			w.roll()
		}},
		"partition-of-a-complete-set": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.rolling("partition 2", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](2) })
			w.roll()
		}},
		"partition-lowered": {func(t *testing.T) *world { return settled(t, web().Partition(2)) }, func(w *world) {
			w.image("app:2")
			w.roll()
			w.rolling("partition 0", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](0) })
			w.roll()
		}},
		"on-delete": {func(t *testing.T) *world { return settled(t, web().OnDelete()) }, func(w *world) {
			w.image("app:2")
			w.roll()
		}},
		"on-delete-complete": {func(t *testing.T) *world { return settled(t, web().OnDelete()) }, nil},
		"cannot-pull": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:bad")
			w.roll()
		}},
		"deadline-exceeded": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.image("app:bad")
			w.roll()
			later(w, 10*time.Minute+time.Second)
			w.pass()
		}},
		"not-upgradable": {func(t *testing.T) *world { return settled(t, web().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy)) }, func(w *world) {
			w.edit("a new env", func(spec *v1beta1.StatefulSetSpec) {
				spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
			})
			w.roll()
		}},
		"a-Pod-fails-at-rest": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.Flaky[w.pod("web-1").UID] = true
			w.nodes()
			w.pass()
		}},
		"remediating": {func(t *testing.T) *world { return settled(t, remedied()) }, func(w *world) {
			w.image("app:bad")
			w.once()
			w.once()
			w.remedy(excludedNode())
		}},
		"remediation-waits": {func(t *testing.T) *world { return settled(t, remedied()) }, func(w *world) {
			w.image("app:bad")
			w.once()
			w.once()
			w.remedy(heldBack())
		}},
		"remediated": {func(t *testing.T) *world { return settled(t, remedied()) }, func(w *world) {
			w.image("app:2")
			w.roll()
			w.remedy(excludedNode())
		}},
		"all-nodes-failing": {func(t *testing.T) *world { return settled(t, remedied()) }, func(w *world) {
			w.image("app:bad")
			w.once()
			w.once()
			w.remedy(failingEverywhere())
		}},
		"invalid": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			w.edit("a selector that cannot be read", func(spec *v1beta1.StatefulSetSpec) {
				spec.Template.Labels = map[string]string{"app": "other"}
			})
			w.invalid()
		}},
		"invalid-from-the-start": {func(t *testing.T) *world {
			return newWorld(t, web().Spec(func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels = map[string]string{"app": "other"} }))
		}, (*world).invalid},
		"being-deleted": {func(t *testing.T) *world { return settled(t, web()) }, func(w *world) {
			set := w.set("web").DeepCopy()
			set.DeletionTimestamp, set.Finalizers = ptr.To(w.Second()), []string{metav1.FinalizerDeleteDependents}
			set.Generation++
			w.Put(set)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := test.start(t)
			if test.play != nil {
				test.play(w)
			}
			set := w.set("web").DeepCopy()
			set.APIVersion, set.Kind, set.ResourceVersion = v1beta1.GroupVersion.String(), "StatefulSet", ""
			got, err := yaml.Marshal(set)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "phases", name+".yaml"), string(got))
		})
	}
}

// refused is a look at which the API server takes no new Pod.
func (w *world) refused(why string) {
	w.T.Helper()
	status := w.judged(func(plan *Plan) *Outcome {
		o := carriedAllOut(plan)
		o.Created, o.CreateErrors = nil, []error{errors.New(why)}
		return o
	})
	w.setStatus(status)
}

// remedy is a look at which auto remediation says this.
func (w *world) remedy(result *remediation.Result) {
	w.T.Helper()
	w.cache.Sync()
	s := w.snapshot()
	s.Remedy = result
	if _, outcome := w.act(context.Background(), s); outcome.Err() != nil {
		w.T.Fatal(outcome.Err())
	}
}

// invalid is a look at a set that cannot be used.
func (w *world) invalid() {
	w.T.Helper()
	set := w.set("web")
	_, err := usable(&set.Spec)
	if err == nil {
		w.T.Fatal("the set can be used")
	}
	w.setStatus(invalidStatus(set, err, metav1.NewTime(w.Now())))
}

// setStatus stores a status.
func (w *world) setStatus(status *v1beta1.StatefulSetStatus) {
	set := w.set("web").DeepCopy()
	set.Status = *status
	w.Put(set)
}

func remedied() *build.StatefulSetBuilder {
	return build.MakeStatefulSet("web").Spec(func(spec *v1beta1.StatefulSetSpec) {
		spec.AutoRemediation = &v1beta1.AutoRemediation{
			Enabled: true, StuckSeconds: 300, RetryLimit: ptr.To[int32](3), ExclusionSeconds: 3600,
			MaxExcludedNodes: ptr.To(intstr.FromString("20%")), ExclusionMode: v1beta1.ExclusionModeAuto,
		}
	})
}

func excludedNode() *remediation.Result {
	return &remediation.Result{Condition: &metav1.Condition{
		Status: metav1.ConditionTrue, Reason: v1beta1.ReasonNodeExcluded,
		Message: "Excluded by SchedPatch web-remediation: node-1 until 05:04:05.",
	}}
}

func heldBack() *remediation.Result {
	return &remediation.Result{Condition: &metav1.Condition{
		Status: metav1.ConditionFalse, Reason: v1beta1.ReasonTooFewNodes, Message: "Pod web-2 is not replaced, because no other node is left.",
	}}
}

func failingEverywhere() *remediation.Result {
	const message = "Pods of this revision start on no node, so none is deleted."
	return &remediation.Result{
		Condition:       &metav1.Condition{Status: metav1.ConditionFalse, Reason: v1beta1.ReasonAllNodesFailing, Message: message},
		AllNodesFailing: message,
	}
}
