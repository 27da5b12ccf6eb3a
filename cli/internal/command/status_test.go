// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// rollingSet is a SidecarSet in the middle of a rollout.
func rollingSet() *v1beta1.SidecarSet {
	set := build.MakeSidecarSet("mesh").Container("proxy", "proxy:2").Obj()
	set.Status = v1beta1.SidecarSetStatus{
		ObservedGeneration: 1, MatchedPods: 4, UpdatedPods: 3, Summary: "Rolling 2/4", SummarySince: ago(2 * time.Minute),
		Conditions: []metav1.Condition{
			ready(metav1.ConditionFalse, v1beta1.ReasonPodsUpdating, "2 of 4 Pods are at mesh-2 and serve."),
			condition(v1beta1.ConditionReconciling, metav1.ConditionTrue, v1beta1.ReasonPodsUpdating, "Waiting for shop/web-2."),
			condition(v1beta1.ConditionInjected, metav1.ConditionFalse, v1beta1.ReasonPodsNotInjected, "Without the sidecars: 1 Pod: shop/old."),
		},
		Waiting: []v1beta1.WaitingPods{{Reason: v1beta1.WaitingDisruptionBudget, Pods: 2, First: "shop/web-3"}},
	}
	return set
}

func completeStatefulSet(namespace, name string) *v1beta1.StatefulSet {
	set := build.MakeStatefulSet(name).Obj()
	set.Namespace, set.Generation = namespace, 1
	set.Status = v1beta1.StatefulSetStatus{
		ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3, Summary: "Complete", SummarySince: ago(3 * time.Hour),
		Conditions: []metav1.Condition{ready(metav1.ConditionTrue, v1beta1.ReasonComplete, "All 3 Pods are available.")},
	}
	return set
}

func stalledStatefulSet() *v1beta1.StatefulSet {
	set := completeStatefulSet("default", "db")
	set.Status.Summary, set.Status.UpdatedReplicas = "Stalled: ErrImagePull", 1
	set.Status.Conditions = []metav1.Condition{
		ready(metav1.ConditionFalse, v1beta1.ReasonProgressDeadlineExceeded, "db-2: image db:9 cannot be pulled."),
		condition(v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonProgressDeadlineExceeded, "db-2 is in the way."),
	}
	return set
}

func unseenPatch() *v1alpha1.SchedPatch {
	patch := build.MakeSchedPatch("spot").Obj()
	patch.Generation, patch.Status.ObservedGeneration = 1, -1
	return patch
}

func TestStatus(t *testing.T) {
	all := []client.Object{rollingSet(), completeStatefulSet("default", "web"), completeStatefulSet("shop", "web"), stalledStatefulSet(), unseenPatch()}
	for name, test := range map[string]struct {
		line string
		want result
	}{
		"a table of what is in the namespace, and of all SidecarSets": {"status", result{Out: `
NAME              STATUS                  PODS                 SINCE   LEFT
sidecarset/mesh   Rolling 2/4             [######......] 2/4   2m
asts/db           Stalled: ErrImagePull   [####........] 1/3   3h
asts/web          Complete                [############] 3/3   3h
schedpatch/spot   NotSeenYet
`}},
		"all namespaces": {"status asts -A", result{Out: `
NAMESPACE   NAME       STATUS                  PODS                 SINCE   LEFT
default     asts/db    Stalled: ErrImagePull   [####........] 1/3   3h
default     asts/web   Complete                [############] 3/3   3h
shop        asts/web   Complete                [############] 3/3   3h
`}},
		"one at length": {"status sidecarset/mesh", result{Out: `
NAME              STATUS        PODS                 SINCE   LEFT
sidecarset/mesh   Rolling 2/4   [######......] 2/4   2m

2 of 4 Pods are at mesh-2 and serve.

Injected (PodsNotInjected): Without the sidecars: 1 Pod: shop/old.

Waiting for their update:
  DisruptionBudget: 2 Pods, shop/web-3 the first
`}},
		"one that is stalled, for a script": {"status asts/db --exit-code", result{Code: 1, Out: `
NAMESPACE   NAME      STATUS                  PODS                 SINCE   LEFT
default     asts/db   Stalled: ErrImagePull   [####........] 1/3   3h

db-2: image db:9 cannot be pulled.

Stalled (ProgressDeadlineExceeded): db-2 is in the way.
`}},
		"one that rolls is not wrong": {"status sidecarset/mesh --exit-code -o name", result{Out: "sidecarset.apps.kruise.io/mesh\n"}},
		"one that nobody has looked at": {"status schedpatch spot", result{Out: `
NAMESPACE   NAME              STATUS       PODS   SINCE   LEFT
default     schedpatch/spot   NotSeenYet

The operator has not looked at it yet. Should that last: kubectl get pods -A -l app.kubernetes.io/name=windlass
`}},
		"for programs": {"status asts/web -n shop -o yaml", result{Out: `
items:
- done: 3
  health: Fine
  kind: asts
  message: All 3 Pods are available.
  name: web
  namespace: shop
  of: 3
  since: "2026-01-02T00:14:05Z"
  status: Complete
`}},
		"a namespace without any": {"status asts -n empty", result{Out: "There is nothing of that kind in namespace empty.\n"}},
		"one that there is not": {"status asts/nope", result{Code: 1,
			Err: "error: there is no StatefulSet nope in namespace default; see kubectl windlass status -A\n"}},
		"a kind of apps": {"status sts/web", result{Code: 2,
			Err: "error: \"sts\" means StatefulSets of apps, which kubectl rollout is for; those of apps.kruise.io are asts\n"}},
		"a kind that is none of ours": {"status deploy/web", result{Code: 2,
			Err: "error: \"deploy\" is not a kind that this command is for; allowed are sidecarset, asts and schedpatch\n"}},
		"a name with all namespaces": {"status asts/web -A", result{Code: 2,
			Err: "error: asts/web is named, which -A does not go with; name its namespace with -n\n"}},
		"an unknown format": {"status -o wide", result{Code: 2, Err: "error: --output=wide: must be json, yaml or name\n"}},
		"watching for programs": {"status -w -o json", result{Code: 2,
			Err: "error: --watch goes with neither --output nor --exit-code\n"}},
		"an unknown flag":    {"status --nope", result{Code: 2, Err: "error: unknown flag: --nope\n"}},
		"an unknown command": {"statsu", result{Code: 2, Err: "error: there is no command \"statsu\"; is status meant?\n"}},
	} {
		t.Run(name, func(t *testing.T) { newWorld(t, all...).check(test.line, test.want) })
	}
}

func TestStatusOfAChangeThatNobodyHasLookedAt(t *testing.T) {
	set := rollingSet()
	set.Generation = 2
	newWorld(t, set).check("status sidecarset/mesh", result{Out: `
NAME              STATUS             PODS   SINCE   LEFT
sidecarset/mesh   ChangeNotSeenYet

The operator has not looked at the last change yet; before, it was Rolling 2/4.
`})
}

// Three Pods got the version in the two minutes that it rolls; two are left.
func TestStatusEstimatesFromThePace(t *testing.T) {
	set := completeStatefulSet("default", "web")
	set.Status.Summary, set.Status.SummarySince, set.Status.UpdateRevision = "Rolling 3/5", ago(2*time.Minute), "web-2"
	set.Status.Conditions = rollingSet().Status.Conditions[:2]
	objects := []client.Object{set}
	for i := range 5 {
		pod := build.MakePod(fmt.Sprintf("web-%d", i)).Label("app", "web").Obj()
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))}
		pod.Labels["controller-revision-hash"], pod.CreationTimestamp = "web-1", *ago(time.Hour)
		if i < 3 {
			pod.Labels["controller-revision-hash"], pod.CreationTimestamp = "web-2", *ago(time.Minute)
		}
		objects = append(objects, pod)
	}
	newWorld(t, objects...).check("status asts", result{Out: `
NAME       STATUS        PODS                 SINCE   LEFT
asts/web   Rolling 3/5   [#######.....] 3/5   2m      ~80s
`})
}

// An application developer may not list what belongs to the cluster.
func TestStatusOfWhatOneMaySee(t *testing.T) {
	forbidden := interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		if _, ok := list.(*v1beta1.SidecarSetList); ok {
			return apierrors.NewForbidden(schema.GroupResource{Group: "apps.kruise.io", Resource: "sidecarsets"}, "", fmt.Errorf("no role"))
		}
		if _, ok := list.(*corev1.PodList); ok {
			t.Error("Pods are listed though nothing rolls")
		}
		return c.List(ctx, list, opts...)
	}}
	w := newWorldWith(t, forbidden, completeStatefulSet("default", "web"))
	w.check("status", result{Out: `
NAME       STATUS     PODS                 SINCE   LEFT
asts/web   Complete   [############] 3/3   3h
`, Err: "warning: cannot list sidecarsets.apps.kruise.io: sidecarsets.apps.kruise.io is forbidden: no role\n"})
	w.check("status sidecarset", result{Code: 1,
		Err: "error: cannot list sidecarsets.apps.kruise.io: sidecarsets.apps.kruise.io is forbidden: no role\n"})
}

func TestVersion(t *testing.T) {
	w := newWorld(t)
	if got := w.run("version"); got.Code != 0 || !strings.HasPrefix(got.Out, "windlass kubectl plug-in ") {
		t.Errorf("%+v", got)
	}
	w.check("version 2", result{Code: 2, Err: "error: kubectl windlass version takes no arguments, and got \"2\"\n"})
}

func TestCompletion(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}}
	w := newWorld(t, rollingSet(), completeStatefulSet("default", "web"), completeStatefulSet("shop", "cart"), pod)
	for line, want := range map[string]string{
		"__complete status s":              "sidecarset/\nschedpatch/\n:6\n",
		"__complete status asts/":          "asts/web\n:4\n",
		"__complete status -n shop asts/c": "asts/cart\n:4\n",
		"__complete status asts/web asts/": ":4\n",
		"__complete why d":                 "deploy/\nds/\n:6\n",
		"__complete why po/we":             "po/web-0\n:4\n",
		"__complete why -n shop asts/":     "asts/cart\n:4\n",
		"__complete why pod/web-0 po":      ":4\n",
		"__complete why flower/":           ":1\n",
	} {
		if got := w.run(line).Out; got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
