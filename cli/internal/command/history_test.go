// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// revisionOf is a recorded version.
func revisionOf(owner client.Object, kind, namespace string, number int64, data []byte) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: fmt.Sprintf("%s-%d", owner.GetName(), number), CreationTimestamp: *ago(time.Hour),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1beta1.GroupVersion.WithKind(kind))},
		},
		Revision: number, Data: runtime.RawExtension{Raw: data},
	}
}

func ofSidecarSet(t *testing.T, set *v1beta1.SidecarSet, number int64, custom string) *appsv1.ControllerRevision {
	t.Helper()
	compiled, err := sidecar.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	data, err := compiled.VersionData()
	if err != nil {
		t.Fatal(err)
	}
	out := revisionOf(set, "SidecarSet", "windlass-system", number, data)
	out.Labels = map[string]string{v1beta1.SidecarSetNameLabel: set.Name}
	out.Annotations = map[string]string{v1beta1.SidecarSetHashAnnotation: compiled.Hashes.Full}
	if custom != "" {
		out.Labels[v1beta1.SidecarSetCustomVersionLabel] = custom
	}
	return out
}

func ofStatefulSet(t *testing.T, set *v1beta1.StatefulSet, number int64) *appsv1.ControllerRevision {
	t.Helper()
	data, err := podtemplate.Encode(&set.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	return revisionOf(set, "StatefulSet", "default", number, data)
}

// meshVersions are three versions of a set, which is at the last one, named v3.
func meshVersions(t *testing.T) []client.Object {
	version := func(image string, args ...string) *v1beta1.SidecarSet {
		set := build.MakeSidecarSet("mesh").Container("proxy", image).Obj()
		set.Spec.Containers[0].Args = args
		return set
	}
	now := version("proxy:3", "-v")
	now.Spec.CustomVersion = "v3"
	now.Spec.Volumes = []corev1.Volume{{Name: "config"}}
	return []client.Object{now, ofSidecarSet(t, version("proxy:1"), 1, "v1"), ofSidecarSet(t, version("proxy:2", "-v"), 2, ""), ofSidecarSet(t, now, 3, "v3")}
}

func webVersions(t *testing.T) []client.Object {
	now := statefulSet().Image("app:2").Obj()
	first := ofStatefulSet(t, statefulSet().Image("app:1").Obj(), 1)
	first.Annotations = map[string]string{"kubernetes.io/change-cause": "the first one"}
	return []client.Object{now, first, ofStatefulSet(t, now, 2), revisionOf(build.MakeStatefulSet("other").Obj(), "StatefulSet", "default", 7, []byte(`{}`))}
}

func TestHistory(t *testing.T) {
	for name, test := range map[string]struct {
		line    string
		objects []client.Object
		want    result
	}{
		"of a SidecarSet": {"history sidecarset/mesh", meshVersions(t), result{Out: `
REVISION   NAME     RECORDED         IMAGES          NOTE
1          mesh-1   60m              proxy=proxy:1   v1
2          mesh-2   60m              proxy=proxy:2
3          mesh-3   60m        now   proxy=proxy:3   v3
`}},
		"of a StatefulSet": {"history asts/web", webVersions(t), result{Out: `
REVISION   NAME    RECORDED         IMAGES      NOTE
1          web-1   60m              app=app:1   the first one
2          web-2   60m        now   app=app:2
`}},
		"what going back would change": {"history sidecarset/mesh --revision 1", meshVersions(t), result{Out: `
--- sidecarset/mesh now
+++ revision 1
@@ -1,11 +1,7 @@
 spec:
   containers:
-  - args:
-    - -v
-    image: proxy:3
+  - image: proxy:1
     name: proxy
     resources: {}
     shareVolumePolicy: {}
     upgradeStrategy: {}
-  volumes:
-  - name: config
`}},
		"the current one": {"history asts/web --revision=2", webVersions(t), result{Out: "Revision 2 of asts/web is what it says now.\n"}},
		"what a version holds": {"history asts/web --revision=1 -o json", webVersions(t)[:2], result{Out: `
{
  "spec": {
    "template": {
      "metadata": {
        "labels": {
          "app": "web"
        }
      },
      "spec": {
        "containers": [
          {
            "image": "app:1",
            "name": "app",
            "resources": {}
          }
        ]
      }
    }
  }
}
`}},
		"one that there is not": {"history asts/web --revision=9", webVersions(t), result{Code: 1, Err: "error: asts/web: there is no revision 9; there are 1, 2\n"}},
		"nothing recorded":      {"history asts/web", webVersions(t)[:1], result{Out: "No revision of asts/web is recorded yet.\n"}},
		"by name":               {"history asts/web -o name", webVersions(t), result{Out: "controllerrevision.apps/web-1\ncontrollerrevision.apps/web-2\n"}},
		"of two":                {"history asts/web asts/db", nil, result{Code: 2, Err: "error: name one object, such as sidecarset/mesh or asts/web\n"}},
	} {
		t.Run(name, func(t *testing.T) { newWorld(t, test.objects...).check(test.line, test.want) })
	}
}

// Whoever may not look into all namespaces says where the operator is.
func TestHistoryOfASidecarSetForSomebodyWithFewRights(t *testing.T) {
	funcs := interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		o := (&client.ListOptions{}).ApplyOptions(opts)
		if _, is := list.(*appsv1.ControllerRevisionList); is && o.Namespace == "" {
			return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "controllerrevisions"}, "", fmt.Errorf("no role"))
		}
		return c.List(ctx, list, opts...)
	}}
	w := newWorldWith(t, funcs, meshVersions(t)...)
	w.check("history sidecarset/mesh", result{Code: 1, Err: "error: the revisions of sidecarset/mesh are kept in the operator's namespace, and you may not " +
		"look for them in all; name it with --operator-namespace: controllerrevisions.apps is forbidden: no role\n"})
	if got := w.run("history sidecarset/mesh --operator-namespace=windlass-system -o name"); strings.Count(got.Out, "\n") != 3 {
		t.Errorf("%+v", got)
	}
}

func TestUndoOfASidecarSet(t *testing.T) {
	for name, test := range map[string]struct {
		line, out string
		want      v1beta1.SidecarSetSpec
	}{
		"to the one before": {"undo sidecarset/mesh", "sidecarset/mesh goes back to revision 2 (mesh-2): proxy=proxy:2.\n", v1beta1.SidecarSetSpec{
			Containers: []v1beta1.SidecarContainer{{Container: corev1.Container{Name: "proxy", Image: "proxy:2", Args: []string{"-v"}}}}}},
		"to another one, with its name": {"undo sidecarset/mesh --to-revision=1", "sidecarset/mesh goes back to revision 1 (mesh-1): proxy=proxy:1. Running " +
			"Pods that were updated keep what cannot change in place, until they are created anew: spec.containers[proxy].args.\n", v1beta1.SidecarSetSpec{
			Containers:    []v1beta1.SidecarContainer{{Container: corev1.Container{Name: "proxy", Image: "proxy:1"}}},
			CustomVersion: "v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, meshVersions(t)...)
			w.check(test.line, result{Out: test.out})
			test.want.Selector = build.MakeSidecarSet("mesh").Obj().Spec.Selector
			if diff := cmp.Diff(test.want, stored(w, &v1beta1.SidecarSet{}, "mesh").Spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUndoOfAStatefulSet(t *testing.T) {
	w := newWorld(t, webVersions(t)...)
	w.check("undo asts/web --to-revision=2", result{Out: "asts/web is at revision 2 already.\n"})
	w.check("undo asts/web", result{Out: "asts/web goes back to revision 1 (web-1): app=app:1.\n"})
	want := statefulSet().Image("app:1").Obj().Spec
	if diff := cmp.Diff(want, stored(w, &v1beta1.StatefulSet{}, "web").Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	newWorld(t, webVersions(t)[0]).check("undo asts/web", result{Code: 1, Err: "error: asts/web: there is no earlier revision to go back to\n"})
}

func TestUndoOfWhatGitOwnsSaysWhatToRevert(t *testing.T) {
	objects := webVersions(t)
	objects[0].SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	newWorld(t, objects...).check("undo asts/web", result{Code: 1, Err: `
error: asts/web is managed by Flux (Kustomization flux-system/shop), which may bring it back to what Git says. Nothing was written. Commit instead:
  revert the commit that made this difference:
  --- asts/web now
  +++ revision 1
  @@ -5,6 +5,6 @@
           app: web
       spec:
         containers:
  -      - image: app:2
  +      - image: app:1
           name: app
           resources: {}
To write it all the same: --force
`})
}
