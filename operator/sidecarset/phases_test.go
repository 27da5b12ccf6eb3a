// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// TestPhases keeps a whole set of every phase of its life in testdata/phases. The statuses are those that this package
// makes. Tools that read them, kstatus and the health checks of Argo CD, are tried on these files in e2e/contract.
func TestPhases(t *testing.T) {
	for name, test := range map[string]struct {
		pods   int
		change func(spec *v1beta1.SidecarSetSpec)
		play   func(w *rollout)
	}{
		"unseen":  {0, nil, nil},
		"no-Pods": {0, nil, (*rollout).look},
		"new":     {3, nil, (*rollout).look},
		"changed-and-not-yet-seen": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
		}},
		"rolling-first-Pod": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.look()
		}},
		"rolling": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(2)
		}},
		"rolling-last-Pod": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(3)
		}},
		"complete": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(4)
		}},
		"pausing": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(2)
			w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
			w.look()
		}},
		"paused": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(2)
			w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
			w.looks(2)
		}},
		"paused-with-a-broken-Pod": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:bad")
			w.look()
			w.breakSidecar("web-2")
			w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true })
			w.look()
			w.now = w.now.Add(10*time.Minute + time.Second)
			w.look()
		}},
		"paused-with-nothing-to-update": {3, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Paused = true }, (*rollout).look},
		"at-partition": {3, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.Partition = ptr.To(intstr.FromInt32(2)) }, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(3)
		}},
		"max-unavailable-zero": {3, func(spec *v1beta1.SidecarSetSpec) {
			spec.UpdateStrategy.MaxUnavailable = ptr.To(intstr.FromInt32(0))
		}, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.looks(2)
			w.now = w.now.Add(time.Hour)
			w.look()
		}},
		"not-update": {3, func(spec *v1beta1.SidecarSetSpec) {
			spec.UpdateStrategy.Type = v1beta1.NotUpdateSidecarSetStrategyType
		}, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.look()
		}},
		"deadline-exceeded": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:bad")
			w.look()
			w.breakSidecar("web-2")
			w.now = w.now.Add(10*time.Minute + time.Second)
			w.look()
		}},
		"image-unavailable": {3, nil, func(w *rollout) {
			w.look()
			w.image("agent:2")
			w.images = Images{Default: v1beta1.ImagePreDownloadFirstNode, Known: pull.Known{Tries: []pull.Try{cannotPull(w, "node-1")}}}
			w.look()
		}},
		"auto-paused": {3, func(spec *v1beta1.SidecarSetSpec) { spec.UpdateStrategy.AutoPauseOnFailure = true }, func(w *rollout) {
			w.look()
			w.image("agent:bad")
			w.look()
			w.breakSidecar("web-2")
			w.now = w.now.Add(statusLag)
			w.look()
		}},
		"update-limited": {3, nil, func(w *rollout) {
			w.look()
			w.edit(func(spec *v1beta1.SidecarSetSpec) { spec.Containers[0].Args = []string{"-v"} })
			w.look()
		}},
		"Pods-not-injected": {2, nil, func(w *rollout) {
			w.pods = append(w.pods, build.MakePod("bare").Label("app", "web").Created(time.Second).Obj())
			w.look()
		}},
		"name-taken": {2, nil, func(w *rollout) {
			for _, name := range []string{"own-0", "own-1"} {
				w.pods = append(w.pods, build.MakePod(name).Label("app", "web").Created(time.Second).Container("agent", "own:1").Obj())
			}
			w.look()
		}},
		"namespace-not-served": {0, func(spec *v1beta1.SidecarSetSpec) { spec.Namespace = "kube-system" }, func(w *rollout) {
			w.unserved = "it is one of those that they leave out by name"
			w.look()
		}},
		"invalid": {0, func(spec *v1beta1.SidecarSetSpec) {
			spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"no label": "web"}}
		}, nil},
		"being-deleted": {3, nil, func(w *rollout) {
			w.look()
			w.set = w.set.DeepCopy()
			w.set.DeletionTimestamp, w.set.Finalizers = ptr.To(metav1.NewTime(w.now)), []string{metav1.FinalizerDeleteDependents}
			w.set.Generation++
		}},
	} {
		t.Run(name, func(t *testing.T) {
			comparePhase(t, name, phase(t, test.pods, test.change, test.play))
		})
	}
}

// phase plays a set to where a test wants it.
func phase(t *testing.T, pods int, change func(spec *v1beta1.SidecarSetSpec), play func(w *rollout)) *v1beta1.SidecarSet {
	t.Helper()
	set := build.MakeSidecarSet("agent").Container("agent", "agent:1").Spec(asStored)
	if change != nil {
		set.Spec(change)
	}
	object := set.Obj()
	object.Status.ObservedGeneration = -1
	if _, err := sidecar.Compile(object); err != nil {
		object.Status = *invalidStatus(object, err, metav1.NewTime(build.Epoch))
		return object
	}
	w := newRollout(t, pods, set)
	w.set.Status.LatestRevision = "" // nobody has looked yet
	if play != nil {
		play(w)
	}
	return w.set
}

// asStored fills in what the API server does.
func asStored(spec *v1beta1.SidecarSetSpec) {
	spec.UpdateStrategy.Type = v1beta1.RollingUpdateSidecarSetStrategyType
	spec.UpdateStrategy.MaxUnavailable, spec.UpdateStrategy.Partition = ptr.To(intstr.FromInt32(1)), ptr.To(intstr.FromInt32(0))
	spec.RevisionHistoryLimit, spec.ProgressDeadlineSeconds = ptr.To[int32](10), ptr.To[int32](600)
	spec.RepairPolicy = v1beta1.RepairNone
}

// edit is a person who changes the set.
func (w *rollout) edit(change func(spec *v1beta1.SidecarSetSpec)) {
	w.set = w.set.DeepCopy()
	change(&w.set.Spec)
	w.set.Generation++
}

// look is one look of the operator.
func (w *rollout) look() {
	w.t.Helper()
	plan := w.plan()
	snapshot := w.snapshotOf(plan)
	carryOut(plan)
	w.setStatus(statusOf(snapshot, plan, &Outcome{Updated: plan.Updates, Finished: plan.Finishes}))
	w.record()
}

// looks are several, with kubelets at work before each but the first.
func (w *rollout) looks(count int) {
	w.t.Helper()
	for i := range count {
		if i > 0 {
			for _, pod := range w.pods {
				build.RunContainers(pod)
			}
			w.now = w.now.Add(5 * time.Second)
		}
		w.look()
	}
}

// breakSidecar lets the sidecar's image be one that cannot be pulled.
func (w *rollout) breakSidecar(pod string) {
	broken := find(w.pods, pod)
	status := &broken.Status.ContainerStatuses[0]
	status.Ready, status.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	build.SetReady(broken, false, w.now)
}

func comparePhase(t *testing.T, name string, object *v1beta1.SidecarSet) {
	t.Helper()
	object = object.DeepCopy()
	object.APIVersion, object.Kind = v1beta1.GroupVersion.String(), "SidecarSet"
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, filepath.Join("testdata", "phases", name+".yaml"), string(got))
}

var update = flag.Bool("update", false, "rewrite the golden files instead of comparing with them")

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update and read what it writes", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("it differs from %s (-want +got):\n%s", file, diff)
	}
}
