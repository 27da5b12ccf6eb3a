// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// cannotPull is a Pod of which a container's image is not there.
func cannotPull(pod *corev1.Pod, container string) *corev1.Pod {
	for i := range pod.Status.ContainerStatuses {
		if s := &pod.Status.ContainerStatuses[i]; s.Name == container {
			s.Ready = false
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "rpc error: not found"}}
		}
	}
	build.SetReady(pod, false, build.Epoch)
	return pod
}

// meshInTheMiddle is a rollout of mesh from proxy:1 to proxy:2, with its Pods.
func meshInTheMiddle(t *testing.T) []client.Object {
	old := meshAtWork().Obj()
	set := meshAtWork().Obj()
	set.Spec.Containers[0].Image, set.Status = "proxy:2", rollingSet().Status
	set.Status.LatestRevision = "mesh-2"
	first, second := ofSidecarSet(t, old, 1, ""), ofSidecarSet(t, set, 2, "")
	return []client.Object{
		set, first, second, namespace("default"), webhooks(),
		injected(t, "web-0", set), cannotPull(injected(t, "web-1", set), "proxy"), injected(t, "web-2", old), web("late").Obj(),
		build.MakePod("other").Obj(),
	}
}

func TestTreeOfASidecarSet(t *testing.T) {
	newWorld(t, meshInTheMiddle(t)...).check("tree sidecarset/mesh", result{Out: `
sidecarset/mesh   Rolling 2/4   since 2m
2 of 4 Pods are at mesh-2 and serve.
Injected (PodsNotInjected): Without the sidecars: 1 Pod: shop/old.
├─ at mesh-2, the current revision: 2 Pods
│  ├─ default/web-1   container proxy: image proxy:2 cannot be pulled: not found (ErrImagePull)
│  └─ default/web-0   ready
├─ at mesh-1: 1 Pod
│  └─ default/web-2   ready
├─ without the sidecars, MissedOrMatchedLater: 1 Pod
│  └─ default/late   ready
└─ waiting for their update
   └─ DisruptionBudget: 2 Pods, shop/web-3 the first
`})
}

func TestTreeForSomebodyWhoMayNotReadNamespaces(t *testing.T) {
	funcs := interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		if _, is := list.(*corev1.NamespaceList); is {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "", fmt.Errorf("no role"))
		}
		return c.List(ctx, list, opts...)
	}}
	newWorldWith(t, funcs, meshInTheMiddle(t)...).check("tree sidecarset/mesh -o name", result{
		Out: "pod/web-1\npod/web-0\npod/web-2\n", Err: "warning: cannot list namespaces: namespaces is forbidden: no role\n"})
}

func TestTreeOfAStatefulSet(t *testing.T) {
	set := stalledStatefulSet()
	set.Name, set.UID, set.Status.UpdateRevision = "web", "web-uid", "web-2"
	objects := []client.Object{set}
	for i := range 12 {
		pod := web(fmt.Sprintf("web-%d", i)).Label(appsv1.ControllerRevisionHashLabelKey, "web-1").Obj()
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))}
		if i == 11 {
			pod.Labels[appsv1.ControllerRevisionHashLabelKey] = "web-2"
			cannotPull(pod, "app")
		}
		objects = append(objects, pod)
	}
	objects = append(objects, web("stranger").Obj())
	head := `asts/web   Stalled: ErrImagePull   since 3h
db-2: image db:9 cannot be pulled.
Stalled (ProgressDeadlineExceeded): db-2 is in the way.
├─ at web-2, the current revision: 1 Pod
│  └─ default/web-11   container app: image app:1 cannot be pulled: not found (ErrImagePull)
└─ at web-1: 11 Pods
   ├─ default/web-0   ready
   ├─ default/web-1   ready
   ├─ default/web-2   ready
   ├─ default/web-3   ready
   ├─ default/web-4   ready
   ├─ default/web-5   ready
   ├─ default/web-6   ready
   ├─ default/web-7   ready
   ├─ default/web-8   ready
   ├─ default/web-9   ready
`
	w := newWorld(t, objects...)
	w.check("tree asts/web", result{Out: head + "   └─ and 1 more, see --all\n"})
	if got := w.run("tree asts/web --all -o yaml"); got.Code != 0 || len(got.Out) < 1000 {
		t.Errorf("%+v", got)
	}
}

func TestTreeOfASchedPatch(t *testing.T) {
	d := deployment("cart")
	patch := build.MakeSchedPatch("spot").Target("apps/v1", "Deployment", "cart").NodeSelector("disk", "ssd").Obj()
	patch.Generation, patch.Status.ObservedGeneration, patch.Status.Summary = 1, 1, "Active"
	patch.Status.MatchedPods, patch.Status.PatchedPods = 2, 1
	patch.Status.Conditions = []metav1.Condition{ready(metav1.ConditionTrue, v1beta1.ReasonActive, "New Pods of Deployment cart get the patch.")}
	objects := []client.Object{
		patch, d, replicaSet(d), namespace("default"), webhooks(),
		inDeployment(web("cart-1").Annotation(v1beta1.SchedPatchesAnnotation, "spot@x").Obj(), d),
		inDeployment(web("cart-0").Created(-time.Hour).Obj(), d), web("other").Obj(),
	}
	newWorld(t, objects...).check("tree schedpatch/spot", result{Out: `
schedpatch/spot   Active
New Pods of Deployment cart get the patch.
├─ carry it: 1 Pod
│  └─ default/cart-1   ready
└─ without it: CreatedBefore: 1 Pod
   └─ default/cart-0   ready
`})
	newWorld(t, patch).check("tree schedpatch/spot", result{Out: "schedpatch/spot   Active\nNew Pods of Deployment cart get the patch.\n"})
}

func TestTreeOfWhatIsNotOne(t *testing.T) {
	w := newWorld(t)
	w.check("tree sidecarset", result{Code: 2, Err: "error: name one object, such as sidecarset/mesh, asts/web or schedpatch/spot\n"})
	w.check("tree sidecarset/mesh", result{Code: 1, Err: "error: there is no SidecarSet mesh; see kubectl windlass status\n"})
	w.check("tree sidecarset/mesh -w -o json", result{Code: 2, Err: "error: --watch does not go with --output\n"})
}

func TestVersions(t *testing.T) {
	w := newWorld(t, meshInTheMiddle(t)...)
	w.check("versions", result{Out: `
POD     SIDECARSET   REVISION   STATE     IMAGES
web-0   mesh         mesh-2     current   proxy=proxy:2
web-1   mesh         mesh-2     current   proxy=proxy:2
web-2   mesh         mesh-1     earlier   proxy=proxy:1
`})
	w.check("versions sidecarset/mesh -A -o name", result{Out: "pod/web-0\npod/web-1\npod/web-2\n"})
	w.check("versions -n empty", result{Out: "No Pod carries such sidecars in namespace empty.\n"})
	w.check("versions asts/web", result{Code: 2, Err: "error: \"asts\" is not a kind that this command is for; allowed are sidecarset\n"})
}
