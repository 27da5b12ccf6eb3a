// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/preview"
)

// unknownHere is what a preview says at its end.
const unknownHere = "Not known here: which writes the API server refused lately, what the operator is about to restart, and which nodes have to " +
	"pull the new images first. Pods, nodes and budgets are taken as they are now.\n"

// dryRunning is an API server that answers dry runs with what would be stored, as a real one does.
var dryRunning = interceptor.Funcs{Patch: func(
	ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
) error {
	if dry := (&client.PatchOptions{}).ApplyOptions(options).DryRun; !slices.Equal(dry, []string{metav1.DryRunAll}) {
		return errors.New("a preview writes")
	}
	into := object.(*unstructured.Unstructured)
	if err := c.Get(ctx, client.ObjectKeyFromObject(object), into); err != nil {
		return err
	}
	change, err := patch.Data(object)
	if err != nil {
		return err
	}
	merged, err := merge(into, change)
	if err != nil {
		return err
	}
	merged.SetGeneration(into.GetGeneration() + 1)
	into.Object = merged.Object
	return nil
}}

// meshToChange is mesh with Pods that have its version, one that has the one before, with another environment, and one
// that has none.
func meshToChange(t *testing.T) []client.Object {
	earlier := meshAtWork().Obj()
	earlier.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LEVEL", Value: "1"}}
	set := meshAtWork().Obj()
	return []client.Object{
		set, ofSidecarSet(t, earlier, 1, ""), ofSidecarSet(t, set, 2, ""), namespace("default"), webhooks(),
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}},
		injected(t, "web-0", set), injected(t, "web-1", set), injected(t, "web-2", earlier), web("late").Obj(),
	}
}

const meshForeseen = `
sidecarset/mesh   would be changed, and has a new revision: mesh-5fdb4f79d5
├─ updated in place: proxy proxy:1 -> proxy:2 (restarts): 2 Pods
│  ├─ default/web-0   first
│  └─ default/web-1   later: MaxUnavailable: maxUnavailable (1) is used up
├─ stay as they are until they are created anew: spec.containers[proxy].env: 1 Pod
│  └─ default/web-2
└─ without the sidecars, which no running Pod gets: MissedOrMatchedLater: 1 Pod
   └─ default/late
` + unknownHere

var newProxy = sidecarSetWith("mesh", `containers: [{name: proxy, image: "proxy:2"}]`)

func TestPreviewOfASidecarSet(t *testing.T) {
	w := newWorldWith(t, dryRunning, meshToChange(t)...)
	w.given(newProxy).check("preview -f -", result{Out: meshForeseen})
	w.given(newProxy).check("preview -f - -o name", result{Out: "pod/web-0\npod/web-1\n"})
	if image := stored(w, &v1beta1.SidecarSet{}, "mesh").Spec.Containers[0].Image; image != "proxy:1" {
		t.Errorf("a preview has written image %s", image)
	}
	same := &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "mesh"}, Spec: meshAtWork().Obj().Spec}
	w.given(manifestOf(t, same, "SidecarSet")).check("preview -f -", result{Out: `
sidecarset/mesh   would stay as it is, at revision mesh-2
├─ stay as they are until they are created anew: spec.containers[proxy].env: 1 Pod
│  └─ default/web-2
├─ without the sidecars, which no running Pod gets: MissedOrMatchedLater: 1 Pod
│  └─ default/late
└─ have it already: 2 Pods
   ├─ default/web-0
   └─ default/web-1
`})
}

func TestPreviewOfANewSidecarSet(t *testing.T) {
	w := newWorld(t, namespace("default"), webhooks(), web("a").Obj(), build.MakePod("other").Obj())
	w.given(newProxy+"---\nkind: Pod\napiVersion: v1\n").check("preview -f -", result{Out: `
sidecarset/mesh   would be created, and has a new revision: mesh-5fdb4f79d5
└─ without the sidecars, which no running Pod gets: CreatedBeforeSet: 1 Pod
   └─ default/a
`})
	w.given(strings.Replace(newProxy, "app: web", "app: none", 1)).check("preview -f -", result{Out: `
sidecarset/mesh   would be created, and has a new revision: mesh-5fdb4f79d5
No live Pod is concerned.
`})
}

// webToChange is a StatefulSet with its Pods, all at its version.
func webToChange(t *testing.T, set *v1beta1.StatefulSet, count int) []client.Object {
	t.Helper()
	set.UID = "web-uid"
	recorded := ofStatefulSet(t, set, 1)
	set.Status.CurrentRevision, set.Status.UpdateRevision = recorded.Name, recorded.Name
	out := []client.Object{set, recorded, namespace("default"), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}}
	for i := range count {
		name := fmt.Sprintf("web-%d", i)
		pod := web(name).Label(appsv1.ControllerRevisionHashLabelKey, recorded.Name).Label(appsv1.StatefulSetPodNameLabel, name).
			Label(appsv1.PodIndexLabel, fmt.Sprint(i)).Obj()
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))}
		out = append(out, pod)
	}
	return out
}

// manifestOf is what somebody has in Git of an object.
func manifestOf(t *testing.T, object client.Object, kind string) string {
	t.Helper()
	object.GetObjectKind().SetGroupVersionKind(v1beta1.GroupVersion.WithKind(kind))
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// webManifest is that of a StatefulSet after a change.
func webManifest(t *testing.T, set *v1beta1.StatefulSet, change func(*v1beta1.StatefulSetSpec)) string {
	t.Helper()
	out := &v1beta1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: set.Name}, Spec: *set.Spec.DeepCopy()}
	change(&out.Spec)
	return manifestOf(t, out, "StatefulSet")
}

func TestPreviewOfAStatefulSet(t *testing.T) {
	image := func(spec *v1beta1.StatefulSetSpec) { spec.Template.Spec.Containers[0].Image = "app:2" }
	for name, test := range map[string]struct {
		line   string
		set    *v1beta1.StatefulSet
		pods   int
		change func(*v1beta1.StatefulSetSpec)
		want   string
	}{
		"an image, and a partition": {"", statefulSet().Partition(1).Obj(), 3, image, `
asts/web   would be changed, and has a new revision: web-b8cb96bb9
├─ updated in place: app app:1 -> app:2 (restarts): 2 Pods
│  ├─ default/web-1   later: others go first, 1 at a time (maxUnavailable)
│  └─ default/web-2   first
└─ stay as they are: spec.updateStrategy.rollingUpdate.partition (1) keeps it: 1 Pod
   └─ default/web-0
` + unknownHere},
		"paused": {"", statefulSet().Replicas(1).Paused().Obj(), 1, image, `
asts/web   would be changed, and has a new revision: web-b8cb96bb9
No Pod is updated as long as spec.updateStrategy.rollingUpdate.paused is true.
└─ updated in place: app app:1 -> app:2 (restarts): 1 Pod
   └─ default/web-0
` + unknownHere},
		"many Pods are counted": {"", statefulSet().Replicas(12).Parallel().Obj(), 0, func(*v1beta1.StatefulSetSpec) {}, `
asts/web   would stay as it is, at revision web-1
└─ created: there is none yet: 12 Pods
   ├─ default/web-0   first
   ├─ default/web-1   first
   ├─ default/web-2   first
   ├─ default/web-3   first
   ├─ default/web-4   first
   ├─ default/web-5   first
   ├─ default/web-6   first
   ├─ default/web-7   first
   ├─ default/web-8   first
   ├─ default/web-9   first
   └─ and 2 more, see --all
` + unknownHere},
		"or named": {" --all -o name", statefulSet().Replicas(2).Obj(), 0, func(*v1beta1.StatefulSetSpec) {}, "pod/web-0\npod/web-1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWith(t, dryRunning, webToChange(t, test.set, test.pods)...)
			w.given(webManifest(t, test.set, test.change)).check("preview -f -"+test.line, result{Out: test.want})
		})
	}
}

// What was in the manifest when it was last applied, and is no more, goes; what somebody else has set stays.
func TestPreviewIsOfWhatApplyWouldStore(t *testing.T) {
	set := statefulSet().Obj()
	applied := webManifest(t, set, func(spec *v1beta1.StatefulSetSpec) { spec.Template.Labels["tier"] = "gold" })
	last, err := yaml.YAMLToJSON([]byte(applied))
	if err != nil {
		t.Fatal(err)
	}
	manifest := webManifest(t, set, func(spec *v1beta1.StatefulSetSpec) { spec.Replicas = nil })
	set.Spec.Template.Labels = map[string]string{"app": "web", "tier": "gold"}
	set.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: string(last)}
	w := newWorldWith(t, dryRunning, webToChange(t, set, 3)...)
	got := w.given(manifest).run("preview -f - -o json")
	for _, want := range []string{`"fate": "UpdatedInPlace"`, `"action": "Change"`, `"checkedBy": "APIServer"`} {
		if got.Code != 0 || !strings.Contains(got.Out, want) {
			t.Errorf("%+v lacks %s", got, want)
		}
	}
}

// What Flux has applied is applied by the server, which knows the fields that Flux has written and the manifest has no more.
func TestPreviewOfWhatTheServerHasApplied(t *testing.T) {
	objects := meshToChange(t)
	objects[0].SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: "kustomize-controller", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "apps.kruise.io/v1beta1", Time: ago(0),
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`),
	}})
	var asked client.PatchOptions
	var kind types.PatchType
	funcs := interceptor.Funcs{Patch: func(
		_ context.Context, _ client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
	) error {
		kind = patch.Type()
		asked.ApplyOptions(options)
		// What was applied is what is stored.
		object.SetUID(objects[0].GetUID())
		object.SetCreationTimestamp(objects[0].GetCreationTimestamp())
		object.SetGeneration(2)
		return nil
	}}
	w := newWorldWith(t, funcs, objects...)
	w.given(newProxy).check("preview -f -", result{Out: meshForeseen})
	want := client.PatchOptions{
		DryRun: []string{metav1.DryRunAll}, Force: ptr.To(true), FieldManager: "kustomize-controller", FieldValidation: metav1.FieldValidationStrict,
	}
	if diff := cmp.Diff(want, asked); diff != "" || kind != types.ApplyPatchType {
		t.Errorf("a patch of type %s, with options (-want +got):\n%s", kind, diff)
	}
}

// answers are those of an API server about writes of our kinds.
func answers(refused error, allowed bool) interceptor.Funcs {
	return interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return refused
		},
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			if review, is := object.(*authorizationv1.SelfSubjectAccessReview); is {
				asked := *review.Spec.ResourceAttributes
				want := authorizationv1.ResourceAttributes{Verb: "patch", Group: "apps.kruise.io", Resource: "sidecarsets", Name: "mesh"}
				if diff := cmp.Diff(want, asked); diff != "" {
					return errors.New(diff)
				}
				review.Status.Allowed = allowed
				return nil
			}
			return refused
		},
	}
}

func TestPreviewOfWhatWouldBeRefused(t *testing.T) {
	sidecarSets := schema.GroupResource{Group: "apps.kruise.io", Resource: "sidecarsets"}
	denied := apierrors.NewForbidden(sidecarSets, "mesh", errors.New("admission webhook \"x\" denied the request: no"))
	noRight := apierrors.NewForbidden(sidecarSets, "mesh", errors.New("User \"dev\" cannot patch resource \"sidecarsets\""))
	const without = "warning: you may not write sidecarset/mesh, so neither the API server nor the webhooks were asked; it was checked as lint " +
		"checks it, without what they say of changes\n"
	for name, test := range map[string]struct {
		manifest string
		refused  error
		allowed  bool
		want     result
	}{
		"by a webhook": {newProxy, denied, true, result{Code: 1, Out: `
sidecarset/mesh   would be refused
  sidecarsets.apps.kruise.io "mesh" is forbidden: admission webhook "x" denied the request: no
`}},
		"without the right to ask": {newProxy, noRight, false, result{Out: meshForeseen, Err: without}},
		"offline": {sidecarSetWith("mesh", `containers: [{name: proxy, image: "proxy:2"}], updateStrategi: {}`), noRight, false, result{Code: 1, Err: without, Out: `
sidecarset/mesh   would be refused
  spec.updateStrategi: there is no such field: kubectl refuses it, others lose it
`}},
		"and what is no refusal": {newProxy, apierrors.NewInternalError(errors.New("etcd")), true, result{Code: 1,
			Err: "error: Internal error occurred: etcd\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			newWorldWith(t, answers(test.refused, test.allowed), meshToChange(t)...).given(test.manifest).check("preview -f -", test.want)
		})
	}
}

func TestPreviewOfASchedPatch(t *testing.T) {
	node := func(name, disk string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"disk": disk}}}
	}
	d := deployment("cart")
	w := newWorld(t, namespace("default"), webhooks(), d, node("node-1", "ssd"), node("node-2", "hdd"), node("node-3", "ssd"))
	manifest := patchOf("{nodeSelector: {disk: ssd}, ")
	w.given(manifest).check("preview -f -", result{Out: `
schedpatch/spot   would be created
├─ nodes that new Pods of Deployment cart keep: 2
│  ├─ node-1
│  └─ node-3
└─ nodes that they lose: 1
   └─ node-2
Pods that run are never touched.
`})
	w.given(strings.Replace(manifest, "disk: ssd", "disk: tape", 1)).check("preview -f -", result{Out: `
schedpatch/spot   would be created
warning: No node is left: Pods would stay Pending. Without the patch 3 of 3 nodes would take them; it demands disk In [tape] (nodeSelector).
├─ nodes that new Pods of Deployment cart keep: 0
└─ nodes that they lose: 3
   ├─ node-1
   ├─ node-2
   └─ node-3
Pods that run are never touched.
`})
	w.given(strings.Replace(manifest, "name: cart", "name: nope", 1)).check("preview -f -", result{Out: `
schedpatch/spot   would be created
There is no Deployment nope in namespace default.
`})
}

// New Pods do not get what the rules of a patch would give them, where it patches none.
func TestPreviewOfASchedPatchThatPatchesNothing(t *testing.T) {
	d := deployment("cart")
	carrier := web("cart-1").Annotation(v1beta1.SchedPatchesAnnotation, "spot@old").Obj()
	full := build.MakeSchedPatch("spot").Target("apps/v1", "Deployment", "cart").NodeSelector("disk", "ssd").Obj()
	full.Spec.MaxPods = ptr.To(int32(1))
	for name, test := range map[string]struct {
		spec  string
		hooks client.Object
		want  string
	}{
		"a preview":              {"{mode: Preview, ", webhooks(), "Its mode is Preview, so new Pods are not patched."},
		"one that has ended":     {`{expiresAt: "2026-01-02T03:05:05Z", `, webhooks(), "It has ended at 2026-01-02T03:05:05Z, so new Pods are not patched."},
		"one that is full":       {"{maxPods: 1, ", webhooks(), "As many Pods carry it as maxPods allows: 1. New ones are not patched before one of these has gone."},
		"one that may have more": {"{maxPods: 2, ", webhooks(), ""},
		"one without a webhook": {"{", &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "other"}},
			"There is no Pod webhook in this cluster, so new Pods are not patched."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWith(t, dryRunning, full.DeepCopy(), inDeployment(carrier.DeepCopy(), d), d, replicaSet(d), namespace("default"), test.hooks)
			got := w.given(patchOf(test.spec + "nodeSelector: {disk: ssd}, ")).run("preview -f -")
			want := "\nPods that run are never touched.\n"
			if test.want != "" {
				want = "\n" + test.want + want
			}
			if got.Code != 0 || !strings.HasSuffix(got.Out, want) || test.want == "" && strings.Contains(got.Out, "not patched") {
				t.Errorf("%+v, want at its end:%s", got, want)
			}
		})
	}
}

// What is in a namespace that the same manifests create is looked at as far as that goes, and so is the rest of them.
func TestPreviewInANamespaceThatIsYetToBeCreated(t *testing.T) {
	absent := interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if object.GetNamespace() == "new" {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "new")
		}
		return c.Create(ctx, object, options...)
	}}
	set := statefulSet().Replicas(1).Obj()
	manifest := strings.Replace(webManifest(t, set, func(*v1beta1.StatefulSetSpec) {}), "name: web\n", "name: web\n  namespace: new\n", 1)
	newWorldWith(t, absent, namespace("default"), webhooks()).given("kind: Namespace\napiVersion: v1\nmetadata: {name: new}\n---\n"+manifest+"---\n"+newProxy).
		check("preview -f -", result{Out: `
asts/web   would be created, and has a new revision: web-6f567555b6
└─ created: there is none yet: 1 Pod
   └─ new/web-0   first
` + unknownHere + `
sidecarset/mesh   would be created, and has a new revision: mesh-5fdb4f79d5
No live Pod is concerned.
`, Err: "warning: namespace new of asts/web does not exist yet, so neither the API server nor the webhooks were asked; it was checked as lint " +
			"checks it, without what they say of changes\n"})
}

func TestPreviewOfWhatIsNone(t *testing.T) {
	w := newWorld(t)
	w.check("preview", result{Code: 2, Err: "error: name the manifests with -f\n"})
	w.given("kind: Pod\napiVersion: v1\n").check("preview -f -", result{Code: 1,
		Err: "error: there is no SidecarSet, no StatefulSet of apps.kruise.io and no SchedPatch in these manifests\n"})
	w.given(strings.Replace(newProxy, "name: mesh", "generateName: m", 1)).check("preview -f -", result{Code: 1,
		Err: "error: -: metadata.name: a SidecarSet without a name cannot be previewed; give it one\n"})
	w.given(newProxy).check("preview -f - -o table", result{Code: 2, Err: "error: --output=table: must be json, yaml or name\n"})
}

func TestThePageNamesAllFates(t *testing.T) {
	page, err := os.ReadFile("../../../docs/kubectl-windlass.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fate := range preview.Fates {
		if !strings.Contains(string(page), "`"+string(fate)+"`") {
			t.Errorf("docs/kubectl-windlass.md does not say what %s is", fate)
		}
	}
}
