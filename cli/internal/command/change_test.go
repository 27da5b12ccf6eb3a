// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// statefulSet is one in place, of three Pods.
func statefulSet() *build.StatefulSetBuilder {
	b := build.MakeStatefulSet("web").InPlace()
	set := b.Obj()
	set.Status = completeStatefulSet("default", "web").Status
	set.Generation = 1
	return b
}

// stored is an object as it is in the cluster.
func stored[T client.Object](w *world, into T, name string) T {
	w.t.Helper()
	key := client.ObjectKey{Name: name}
	if _, cluster := any(into).(*v1beta1.SidecarSet); !cluster {
		key.Namespace = "default"
	}
	if err := w.Get(w.t.Context(), key, into); err != nil {
		w.t.Fatal(err)
	}
	return into
}

func TestPauseAndResume(t *testing.T) {
	pausedSet := func() *v1beta1.SidecarSet {
		set := rollingSet()
		set.Spec.UpdateStrategy.Paused, set.Status.PausedSince = true, ago(time.Minute)
		return set
	}
	for name, test := range map[string]struct {
		object client.Object
		line   string
		want   result
		paused bool
	}{
		"a SidecarSet": {rollingSet(), "pause sidecarset/mesh", result{Out: "sidecarset/mesh is paused: no further Pod is updated; those that are " +
			"being changed come back to service. At the new version: 3 of 4 Pods. New Pods get the sidecars as before.\n"}, true},
		"a StatefulSet": {statefulSet().Obj(), "pause asts/web", result{Out: "asts/web is paused: no further Pod is updated; those that are being " +
			"changed come back to service. At the new version: 3 of 3 Pods. Scaling goes on, and Pods that end are created again.\n"}, true},
		"one that is paused": {pausedSet(), "pause sidecarset/mesh", result{
			Out: "sidecarset/mesh is paused already, since 2026-01-02T03:13:05Z. At the new version: 3 of 4 Pods.\n"}, true},
		"one that changes only when somebody deletes Pods": {statefulSet().OnDelete().Obj(), "pause asts/web", result{
			Out: "asts/web is paused: no further Pod is updated; those that are being changed come back to service. At the new version: 3 of 3 Pods. " +
				"Scaling goes on, and Pods that end are created again. Its updateStrategy.type is OnDelete: a Pod changes when somebody deletes it, " +
				"and not before.\n"}, true},
		"and resume": {pausedSet(), "resume sidecarset/mesh", result{Out: "sidecarset/mesh goes on. At the new version: 3 of 4 Pods.\n"}, false},
		"resume one that is not paused, but at its partition": {statefulSet().Partition(2).Obj(), "resume asts/web", result{
			Out: "asts/web is not paused. Its partition keeps 2 Pods at the old revision.\n"}, false},
		"a dry run": {statefulSet().Obj(), "pause asts/web --dry-run=server -o name", result{Out: "statefulset.apps.kruise.io/web\n"}, false},
		"nothing named": {statefulSet().Obj(), "pause", result{Code: 2,
			Err: "error: name what to change, such as sidecarset/mesh or asts/web\n"}, false},
		"a SchedPatch": {statefulSet().Obj(), "pause schedpatch/x", result{Code: 2,
			Err: "error: \"schedpatch\" is not a kind that this command is for; allowed are sidecarset and asts\n"}, false},
		"one that there is not, and one that there is": {statefulSet().Obj(), "pause asts nope web -o name", result{Code: 1,
			Out: "statefulset.apps.kruise.io/web\n",
			Err: "error: there is no StatefulSet nope in namespace default; see kubectl windlass status -A\n"}, true},
		"an unknown kind of dry run": {statefulSet().Obj(), "pause asts/web --dry-run=client", result{Code: 2,
			Err: "error: --dry-run=client: must be none or server\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.object)
			w.check(test.line, test.want)
			paused := false
			if _, is := test.object.(*v1beta1.SidecarSet); is {
				paused = stored(w, &v1beta1.SidecarSet{}, "mesh").Spec.UpdateStrategy.Paused
			} else {
				paused = stored(w, &v1beta1.StatefulSet{}, "web").Spec.UpdateStrategy.RollingUpdate.Paused
			}
			if paused != test.paused {
				t.Errorf("paused: %t, want %t", paused, test.paused)
			}
		})
	}
}

func TestWhatGitOwnsIsNotWrittenWithoutForce(t *testing.T) {
	mark := func(change func(*metav1.ObjectMeta)) *v1beta1.StatefulSet {
		set := statefulSet().Obj()
		change(&set.ObjectMeta)
		return set
	}
	managedFields := func(manager string) []metav1.ManagedFieldsEntry {
		return []metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationApply,
			APIVersion: "apps.kruise.io/v1beta1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
	}
	for name, test := range map[string]struct {
		set  *v1beta1.StatefulSet
		want string
	}{
		"Argo CD, by its annotation": {mark(func(m *metav1.ObjectMeta) {
			m.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps.kruise.io/StatefulSet:default/web"}
		}), "Argo CD (Application shop)"},
		"an annotation that was copied from another object": {mark(func(m *metav1.ObjectMeta) {
			m.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps.kruise.io/StatefulSet:default/cart"}
		}), ""},
		"Argo CD, by its label and what it wrote": {mark(func(m *metav1.ObjectMeta) {
			m.Labels, m.ManagedFields = map[string]string{"app.kubernetes.io/instance": "shop"}, managedFields("argocd-controller")
		}), "Argo CD (Application shop)"},
		"the label alone, which Helm writes too": {mark(func(m *metav1.ObjectMeta) {
			m.Labels = map[string]string{"app.kubernetes.io/instance": "shop"}
		}), ""},
		"a Kustomization of Flux": {mark(func(m *metav1.ObjectMeta) {
			m.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
		}), "Flux (Kustomization flux-system/shop)"},
		"a HelmRelease of Flux": {mark(func(m *metav1.ObjectMeta) {
			m.Labels = map[string]string{"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "shop"}
		}), "Flux (HelmRelease shop/shop)"},
		"Flux, by what it wrote": {mark(func(m *metav1.ObjectMeta) { m.ManagedFields = managedFields("kustomize-controller") }), "Flux"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.set)
			if test.want == "" {
				w.check("pause asts/web -o name", result{Out: "statefulset.apps.kruise.io/web\n"})
				return
			}
			w.check("pause asts/web -o name", result{Code: 1, Err: "error: asts/web is managed by " + test.want + ", which may bring it back to what " +
				"Git says. Nothing was written. Commit instead:\n  spec.updateStrategy.rollingUpdate.paused: true\nTo write it all the same: --force\n"})
			if stored(w, &v1beta1.StatefulSet{}, "web").Spec.UpdateStrategy.RollingUpdate.Paused {
				t.Error("it was written")
			}
			w.check("pause asts/web -o name --force", result{Out: "statefulset.apps.kruise.io/web\n", Err: "warning: asts/web is managed by " + test.want +
				", which may take this back; to keep it, commit:\n  spec.updateStrategy.rollingUpdate.paused: true\n"})
		})
	}
}

func TestRestart(t *testing.T) {
	for name, test := range map[string]struct {
		object client.Object
		line   string
		want   result
	}{
		"a StatefulSet": {statefulSet().MaxUnavailable("20%").Obj(), "restart asts/web", result{
			Out: "asts/web restarts: 3 Pods are created anew, 20% at a time (maxUnavailable).\n"}},
		"one with a partition": {statefulSet().Partition(1).Obj(), "restart asts/web", result{
			Out: "asts/web restarts: 3 Pods are created anew, 1 at a time (maxUnavailable). Its partition keeps 1 Pod at the old revision.\n"}},
		"one that waits for somebody to delete Pods": {statefulSet().OnDelete().Obj(), "restart asts/web", result{
			Out: "asts/web has a new revision. Its updateStrategy.type is OnDelete: a Pod changes when somebody deletes it, and not before.\n"}},
		"one that is paused": {statefulSet().Paused().Obj(), "restart asts/web", result{Code: 1,
			Err: "error: asts/web is paused, so nothing would be restarted; first: kubectl windlass resume asts/web\n"}},
		"one that recreates no Pods": {statefulSet().Policy(v1beta1.InPlaceOnlyPodUpdatePolicy).Obj(), "restart asts/web", result{Code: 1,
			Err: "error: asts/web cannot be restarted: its podUpdatePolicy is InPlaceOnly, which lets no Pod be created anew. Delete Pods yourself, " +
				"one after the other: kubectl delete pod web-0 -n default\n"}},
		"a SidecarSet": {rollingSet(), "restart sidecarset/mesh", result{Code: 1,
			Err: "error: sidecarset/mesh cannot be restarted: Kubernetes restarts a running container only for a change of it, and a SidecarSet deletes no " +
				"Pods. What restarts the containers in place is the same image written in another way, such as with its digest: kubectl windlass set " +
				"image sidecarset/mesh CONTAINER=IMAGE@sha256:DIGEST. Or have the Pods created anew by what owns them: kubectl rollout restart " +
				"deployment/NAME\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.object)
			w.check(test.line, test.want)
			if test.want.Code == 0 {
				got := stored(w, &v1beta1.StatefulSet{}, "web").Spec.Template.Annotations[v1beta1.RestartedAtAnnotation]
				if got != "2026-01-02T03:14:05Z" {
					t.Errorf("restarted at %q", got)
				}
			}
		})
	}
}

func TestSetImage(t *testing.T) {
	two := func() *v1beta1.SidecarSet {
		return build.MakeSidecarSet("mesh").Container("proxy", "proxy:1").Container("log", "log:1").NativeSidecar("dns", "dns:1").Obj()
	}
	for name, test := range map[string]struct {
		object client.Object
		line   string
		want   result
		images []string
	}{
		"of a StatefulSet in place": {statefulSet().Obj(), "set image asts/web app=app:2", result{Out: "asts/web: app: app:1 -> app:2.\n"}, []string{"app:2"}},
		"of one that recreates Pods": {statefulSet().Policy(v1beta1.ReCreatePodUpdatePolicy).Obj(), "set image asts web app=app:2", result{
			Out: "asts/web: app: app:1 -> app:2. Its podUpdatePolicy is ReCreate: Pods are deleted and created again.\n"}, []string{"app:2"}},
		"of one that is paused": {statefulSet().Paused().Obj(), "set image asts/web app=app:2", result{
			Out: "asts/web: app: app:1 -> app:2. It is paused: no running Pod follows before kubectl windlass resume asts/web.\n"}, []string{"app:2"}},
		"of some containers of a SidecarSet": {two(), "set image sidecarset/mesh log=log:2 dns=dns:2 proxy=proxy:1", result{
			Out: "sidecarset/mesh: log: log:1 -> log:2; dns: dns:1 -> dns:2; proxy has proxy:1 already.\n"}, []string{"proxy:1", "log:2", "dns:2"}},
		"of all": {two(), "set image sidecarset/mesh *=all:1", result{
			Out: "sidecarset/mesh: proxy: proxy:1 -> all:1; log: log:1 -> all:1; dns: dns:1 -> all:1.\n"}, []string{"all:1", "all:1", "all:1"}},
		"that it has already": {two(), "set image sidecarset/mesh log=log:1", result{
			Out: "sidecarset/mesh: log has log:1 already.\n"}, []string{"proxy:1", "log:1", "dns:1"}},
		"of a container that there is not": {two(), "set image sidecarset/mesh envoy=envoy:1", result{Code: 1,
			Err: "error: sidecarset/mesh has no container \"envoy\"; it has proxy, log, dns\n"}, []string{"proxy:1", "log:1", "dns:1"}},
		"none": {two(), "set image sidecarset/mesh", result{Code: 2,
			Err: "error: name the image of at least one container, such as app=web:2\n"}, []string{"proxy:1", "log:1", "dns:1"}},
		"without an image": {two(), "set image sidecarset/mesh log=", result{Code: 2,
			Err: "error: \"log=\" is not of the form CONTAINER=IMAGE, such as app=web:2\n"}, []string{"proxy:1", "log:1", "dns:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.object)
			w.check(test.line, test.want)
			var got []string
			if _, is := test.object.(*v1beta1.SidecarSet); is {
				set := stored(w, &v1beta1.SidecarSet{}, "mesh")
				for _, c := range append(set.Spec.Containers, set.Spec.InitContainers...) {
					got = append(got, c.Image)
				}
			} else {
				got = append(got, stored(w, &v1beta1.StatefulSet{}, "web").Spec.Template.Spec.Containers[0].Image)
			}
			if diff := cmp.Diff(test.images, got); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsWrittenIsPrintedForPrograms(t *testing.T) {
	w := newWorld(t, statefulSet().Obj())
	got := w.run("pause asts/web -o yaml")
	if got.Code != 0 || !strings.Contains(got.Out, "kind: StatefulSet\n") || !strings.Contains(got.Out, "paused: true\n") {
		t.Errorf("%+v", got)
	}
}
