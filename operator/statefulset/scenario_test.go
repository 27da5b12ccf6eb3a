// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

var update = flag.Bool("update", false, "rewrite the golden logs instead of comparing with them")

// once lets the operator look once, and everything else go on until it rests.
func (w *world) once() {
	w.T.Helper()
	w.pass()
	w.sayPods()
	w.nodes()
}

// hold adds a finalizer to Pods, as a hook's program does; letGo removes it.
func (w *world) hold(finalizer string, pods ...string) {
	for _, name := range pods {
		w.changePod(name, func(pod *corev1.Pod) { pod.Finalizers = append(pod.Finalizers, finalizer) })
	}
	w.say("program: adds %s to %s", finalizer, strings.Join(pods, ", "))
}

func (w *world) letGo(finalizer string, pods ...string) {
	for _, name := range pods {
		w.changePod(name, func(pod *corev1.Pod) {
			pod.Finalizers = slices.DeleteFunc(pod.Finalizers, func(f string) bool { return f == finalizer })
		})
	}
	w.say("program: removes %s from %s", finalizer, strings.Join(pods, ", "))
}

func (w *world) sayClaims() {
	for _, claim := range w.claims() {
		size := storage(claim)
		var owners []string
		for _, o := range claim.OwnerReferences {
			owners = append(owners, o.Kind+" "+o.Name)
		}
		w.say("  claim %s (%s) %s, owners: %s", claim.Name, claim.UID, size.String(), strings.Join(owners, ", "))
	}
}

const finalizer = "example.com/hook"

func hook() v1beta1.LifecycleHook {
	return v1beta1.LifecycleHook{FinalizersHandler: []string{finalizer}}
}

// leftByAppsV1 is what kubectl delete --cascade=orphan leaves of an apps/v1 set: Pods, claims and a revision as another
// program wrote them.
func leftByAppsV1(t *testing.T) *world {
	w := newWorld(t, build.MakeStatefulSet("web").Claim("data", "1Gi"))
	const name = "web-84c9f7d5b6"
	w.Add(&appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "web", "controller.kubernetes.io/hash": "84c9f7d5b6"}},
		Data: runtime.RawExtension{Raw: json.RawMessage(`{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"app":"web"}},` +
			`"spec":{"restartPolicy":"Always","dnsPolicy":"ClusterFirst","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30,` +
			`"containers":[{"image":"app:1","imagePullPolicy":"IfNotPresent","name":"app","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}]}}}}`)},
		Revision: 4,
	})
	for _, pod := range []string{"web-0", "web-1", "web-2"} {
		w.Add(build.MakeClaim("data-" + pod).Obj())
		w.Add(build.MakePod(pod).Label("app", "web").Label(appsv1.ControllerRevisionHashLabelKey, name).
			Label(appsv1.StatefulSetPodNameLabel, pod).Label(appsv1.PodIndexLabel, pod[len("web-"):]).Obj())
	}
	w.nodes()
	w.log = nil
	return w
}

func TestScenarios(t *testing.T) {
	web := func() *build.StatefulSetBuilder { return build.MakeStatefulSet("web") }
	for name, scenario := range map[string]struct {
		start func(t *testing.T) *world
		play  func(w *world)
	}{
		"ordered-scale": {
			func(t *testing.T) *world { return newWorld(t, web()) },
			func(w *world) {
				w.roll()
				w.replicas(5)
				w.roll()
				w.replicas(2)
				w.roll()
			},
		},
		"parallel-scale": {
			func(t *testing.T) *world { return newWorld(t, web().Parallel()) },
			func(w *world) {
				w.roll()
				w.replicas(6)
				w.roll()
				w.replicas(1)
				w.roll()
			},
		},
		"rolling-ordered": {
			func(t *testing.T) *world { return settled(t, web()) },
			func(w *world) {
				w.image("app:2")
				w.roll()
			},
		},
		"partition": {
			func(t *testing.T) *world { return settled(t, web().Replicas(4)) },
			func(w *world) {
				w.edit("image app:2, partition 2", func(spec *v1beta1.StatefulSetSpec) {
					spec.Template.Spec.Containers[0].Image = "app:2"
					spec.UpdateStrategy.RollingUpdate.Partition = ptr.To[int32](2)
				})
				w.roll()
				w.say("somebody: deletes web-1 and web-3")
				w.deletePod("web-1")
				w.deletePod("web-3")
				w.nodes()
				w.roll()
				w.rolling("partition 0", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Partition = ptr.To[int32](0) })
				w.roll()
			},
		},
		"paused-and-resumed": {
			func(t *testing.T) *world { return settled(t, web()) },
			func(w *world) {
				w.image("app:2")
				w.once()
				w.rolling("paused", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = true })
				w.roll()
				w.replicas(4)
				w.roll()
				w.rolling("resumed", func(r *v1beta1.RollingUpdateStatefulSetStrategy) { r.Paused = false })
				w.roll()
			},
		},
		"broken-image-then-fix": {
			func(t *testing.T) *world { return settled(t, web()) },
			func(w *world) {
				w.image("app:bad")
				w.roll()
				w.image("app:3")
				w.roll()
			},
		},
		"never-ready-from-the-start-then-fix": {
			func(t *testing.T) *world { return newWorld(t, web().Image("app:unready")) },
			func(w *world) {
				w.roll()
				w.image("app:2")
				w.roll()
			},
		},
		"rollback": {
			func(t *testing.T) *world { return settled(t, web()) },
			func(w *world) {
				w.image("app:2")
				w.once()
				w.once()
				w.image("app:1")
				w.roll()
			},
		},
		"in-place-with-gate-and-grace": {
			func(t *testing.T) *world { return settled(t, web().InPlace().Grace(10)) },
			func(w *world) {
				w.image("app:2")
				w.roll()
			},
		},
		"hooks": {
			func(t *testing.T) *world {
				h := hook()
				h.MarkPodNotReady = true
				return newWorld(t, web().Replicas(2).InPlace().PreNormal(hook()).InPlaceUpdate(h).PreDelete(h))
			},
			func(w *world) {
				w.roll()
				w.hold(finalizer, "web-0")
				w.roll()
				w.hold(finalizer, "web-1")
				w.roll()
				w.image("app:2")
				w.roll()
				w.letGo(finalizer, "web-1")
				w.roll()
				w.hold(finalizer, "web-1")
				w.roll()
				w.letGo(finalizer, "web-0")
				w.roll()
				w.hold(finalizer, "web-0")
				w.roll()
				w.replicas(1)
				w.roll()
				w.letGo(finalizer, "web-1")
				w.roll()
			},
		},
		"hook-released-by-scaling-up-again": {
			func(t *testing.T) *world {
				h := hook()
				h.MarkPodNotReady = true
				w := settled(t, web().Parallel().PreDelete(h))
				w.hold(finalizer, "web-0", "web-1", "web-2")
				return w
			},
			func(w *world) {
				w.replicas(1)
				w.roll()
				w.replicas(3)
				w.roll()
				w.replicas(2)
				w.roll()
				w.edit("no hooks", func(spec *v1beta1.StatefulSetSpec) { spec.Lifecycle = nil })
				w.roll()
				w.letGo(finalizer, "web-2")
				w.roll()
			},
		},
		"specified-delete": {
			func(t *testing.T) *world { return settled(t, web().Replicas(4).Paused()) },
			func(w *world) {
				for _, name := range []string{"web-1", "web-3"} {
					w.changePod(name, func(pod *corev1.Pod) { pod.Labels[v1beta1.SpecifiedDeleteLabel] = "true" })
					w.say("person: labels %s for deletion", name)
				}
				w.roll()
			},
		},
		"reserve-an-ordinal-in-use": {
			func(t *testing.T) *world { return settled(t, web()) },
			func(w *world) {
				w.edit("reserve 1", func(spec *v1beta1.StatefulSetSpec) {
					spec.ReserveOrdinals = build.MakeStatefulSet("x").Reserve("1").Obj().Spec.ReserveOrdinals
				})
				w.roll()
				w.edit("reserve nothing", func(spec *v1beta1.StatefulSetSpec) { spec.ReserveOrdinals = nil })
				w.roll()
			},
		},
		"claims-kept-over-recreation": {
			func(t *testing.T) *world {
				return settled(t, web().Replicas(2).Claim("data", "1Gi").Retain(v1beta1.RetainPersistentVolumeClaimRetentionPolicy, v1beta1.DeletePersistentVolumeClaimRetentionPolicy))
			},
			func(w *world) {
				w.sayClaims()
				w.image("app:2")
				w.roll()
				w.sayClaims()
				w.replicas(1)
				w.roll()
				w.sayClaims()
			},
		},
		"claim-expansion": {
			func(t *testing.T) *world {
				w := settled(t, web().Replicas(2).Claim("data", "1Gi").GrowClaims())
				w.RestartToGrow = true
				return w
			},
			func(w *world) {
				grow := func(size string) func(spec *v1beta1.StatefulSetSpec) {
					return func(spec *v1beta1.StatefulSetSpec) {
						spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(size)
					}
				}
				w.edit("claims of 2Gi", grow("2Gi"))
				w.roll()
				w.sayClaims()
				w.edit("claims of 3Gi", grow("3Gi"))
				w.image("app:2")
				w.roll()
				w.sayClaims()
			},
		},
		"adoption-from-apps-v1": {
			leftByAppsV1,
			func(w *world) {
				w.roll()
				w.sayClaims()
				w.image("app:2")
				w.once()
			},
		},
		"unordered-by-priority": {
			func(t *testing.T) *world {
				return settled(t, web().Replicas(4).Parallel().MaxUnavailable("2").Unordered(&v1beta1.UpdatePriorityStrategy{
					WeightPriority: []v1beta1.UpdatePriorityWeightTerm{{Weight: 10, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"role": "replica"}}}},
				}))
			},
			func(w *world) {
				for _, name := range []string{"web-0", "web-2"} {
					w.changePod(name, func(pod *corev1.Pod) { pod.Labels["role"] = "replica" })
				}
				w.say("program: web-0 and web-2 are replicas")
				w.image("app:2")
				w.roll()
			},
		},
		"rollout-restart-in-place": {
			func(t *testing.T) *world { return settled(t, web().Replicas(2).InPlace()) },
			func(w *world) {
				w.edit("rollout restart", func(spec *v1beta1.StatefulSetSpec) {
					spec.Template.Annotations = map[string]string{v1beta1.RestartedAtAnnotation: "2026-01-02T04:05:06Z"}
				})
				w.roll()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := scenario.start(t)
			scenario.play(w)
			compareGolden(t, filepath.Join("testdata", "scenarios", name+".txt"), strings.Join(w.log, "\n")+"\n")
		})
	}
}

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
		t.Errorf("the log differs from %s (-want +got):\n%s", file, diff)
	}
}
