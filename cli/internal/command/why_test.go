// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// webhooks are the configuration that the chart makes, as far as it matters here.
func webhooks() *admissionv1.MutatingWebhookConfiguration {
	hook := func(path string, operator metav1.LabelSelectorOperator, values ...string) admissionv1.MutatingWebhook {
		return admissionv1.MutatingWebhook{
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Path: &path}},
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"kube-system"}},
				{Key: v1beta1.InjectionLabel, Operator: operator, Values: values},
			}},
		}
	}
	return &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass-mutating"},
		Webhooks: []admissionv1.MutatingWebhook{
			hook("/mutate-pod", metav1.LabelSelectorOpNotIn, v1beta1.InjectionDisabled, v1beta1.InjectionEnforced),
			hook("/mutate-pod-enforced", metav1.LabelSelectorOpIn, v1beta1.InjectionEnforced),
		},
	}
}

func namespace(name string, labels ...string) *corev1.Namespace {
	out := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}}
	for i := 0; i < len(labels); i += 2 {
		out.Labels[labels[i]] = labels[i+1]
	}
	return out
}

// meshAtWork is a set that selects app=web, and was there before everybody.
func meshAtWork() *build.SidecarSetBuilder {
	b := build.MakeSidecarSet("mesh").Container("proxy", "proxy:1")
	b.Obj().CreationTimestamp = metav1.NewTime(build.Epoch.Add(-time.Hour))
	return b
}

func web(name string) *build.PodBuilder { return build.MakePod(name).Label("app", "web") }

// injected is a Pod with the sidecars of a set.
func injected(t *testing.T, name string, object *v1beta1.SidecarSet) *corev1.Pod {
	t.Helper()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	pod := web(name).New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{set}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	pod.Spec.NodeName = "node-1"
	build.RunContainers(pod)
	build.SetReady(pod, true, build.Epoch)
	return pod
}

func owned(pod *corev1.Pod, owner client.Object, apiVersion, kind string) *corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{ownerOf(owner, apiVersion, kind)}
	return pod
}

func ownerOf(owner client.Object, apiVersion, kind string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: ptr.To(true)}
}

func deployment(name string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: "deployment-" + types.UID(name)},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		}},
	}
}

func replicaSet(d *appsv1.Deployment) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: d.Name + "-abc", UID: "replicaset-" + types.UID(d.Name),
		OwnerReferences: []metav1.OwnerReference{ownerOf(d, "apps/v1", "Deployment")},
	}}
}

// inDeployment makes a Pod one of a Deployment's.
func inDeployment(pod *corev1.Pod, d *appsv1.Deployment) *corev1.Pod {
	pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "abc"
	return owned(pod, replicaSet(d), "apps/v1", "ReplicaSet")
}

// The reasons, one after the other, for a Pod that a Deployment has.
func TestWhyAPodHasNoSidecars(t *testing.T) {
	d := deployment("web")
	at := func(pod *build.PodBuilder) *corev1.Pod { return inDeployment(pod.Obj(), d) }
	head := "Pod default/web-1: 1 live Pod\n"
	for name, test := range map[string]struct {
		set       *v1beta1.SidecarSet
		pod       *corev1.Pod
		namespace *corev1.Namespace
		want      string
	}{
		"it has": {set: meshAtWork().Obj(), pod: inDeployment(injected(t, "web-1", meshAtWork().Obj()), d), want: `
sidecarset/mesh in the Pod: Injected
  Injected, at the current version.
`},
		"it has an earlier version": {set: meshAtWork().Spec(func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Image = "proxy:2" }).Obj(),
			pod: inDeployment(injected(t, "web-1", meshAtWork().Obj()), d), want: `
sidecarset/mesh in the Pod: Injected
  Injected, at an earlier version; kubectl windlass tree sidecarset/mesh says what it waits for.
`},
		"the selector": {set: meshAtWork().Obj(), pod: at(build.MakePod("web-1").Label("app", "cart")), want: `
Not meant for the Pod:
  sidecarset/mesh: spec.selector does not select it: it asks for app=web, and the Pod has app=cart.
`},
		"the namespace's labels": {
			set: meshAtWork().Spec(func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"inject": "on"}}
			}).Obj(), pod: at(web("web-1")), want: `
Not meant for the Pod:
  sidecarset/mesh: spec.namespaceSelector does not select namespace default: it asks for inject=on, and the namespace has no such label.
    kubectl label namespace default --overwrite inject=on
`},
		"the namespace is not served": {set: meshAtWork().Obj(), pod: at(web("web-1")),
			namespace: namespace("default", v1beta1.InjectionLabel, v1beta1.InjectionDisabled), want: `The Pod webhooks do not serve namespace default: its label apps.kruise.io/injection is disabled.

sidecarset/mesh in the Pod: NamespaceNotServed
  It selects the Pod, and the Pod webhooks do not serve namespace default: its label apps.kruise.io/injection is disabled.
    kubectl label namespace default apps.kruise.io/injection-
`},
		"created before the set": {set: build.MakeSidecarSet("mesh").Container("proxy", "proxy:1").Obj(), pod: at(web("web-1")), want: `
sidecarset/mesh in the Pod: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
  * Pod web-1 was created at 2026-01-02T03:04:05Z
    kubectl rollout restart deployment/web -n default
`},
		"opted out": {set: meshAtWork().Obj(), pod: at(web("web-1").Label(v1beta1.SidecarInjectionKey, "false")), want: `
sidecarset/mesh in the Pod: OptedOut
  The Pod opts out: its label or annotation apps.kruise.io/sidecar-injection is "false".
`},
		"a name that is taken": {set: meshAtWork().Container("app", "app:1").Obj(), pod: at(web("web-1")), want: `
sidecarset/mesh in the Pod: NameTaken
  Its container "app" has the name of a container of this Pod; rename one of the two.
`},
		"injection is paused": {set: meshAtWork().Spec(func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }).Obj(),
			pod: at(web("web-1")), want: `
sidecarset/mesh in the Pod: InjectionPaused
  Its spec.injectionStrategy.paused is true.
    kubectl patch sidecarset mesh --type=merge -p '{"spec":{"injectionStrategy":{"paused":false}}}'
    kubectl rollout restart deployment/web -n default
`},
		"nobody was watching": {
			set: meshAtWork().Spec(func(s *v1beta1.SidecarSetSpec) {
				s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"inject": "on"}}
			}).Obj(), pod: at(web("web-1")), namespace: labelledBy("kubectl-label", "inject", "on"), want: `
sidecarset/mesh in the Pod: MissedOrMatchedLater
  Either the set did not select it yet when it was created, or no webhook answered. Nobody was watching then, or told.
  * Pod web-1 was created at 2026-01-02T03:04:05Z
  * label inject=on of namespace default was written by kubectl-label, at 2026-01-02T03:09:05Z at the latest
    kubectl rollout restart deployment/web -n default
`},
		"the operator has seen that no webhook answered": {set: listed(v1beta1.ReasonWebhookMissed), pod: at(web("web-1")), want: `
sidecarset/mesh in the Pod: WebhookMissed
  The set selected it when it was created, and no webhook has left a word in it: none answered, or the one that did had not heard of the set yet.
  * Pod web-1 was created at 2026-01-02T03:04:05Z
    kubectl rollout restart deployment/web -n default
`},
		"the operator has seen the label come": {set: listed(v1beta1.ReasonMatchedLater), pod: at(web("web-1")), want: `
sidecarset/mesh in the Pod: MatchedLater
  The set selects it only since a label, or the selector, was changed: sidecars get into a Pod when it is created.
  * Pod web-1 was created at 2026-01-02T03:04:05Z
    kubectl rollout restart deployment/web -n default
`},
		"containers have come": {set: meshAtWork().Container("log", "log:1").Obj(),
			pod: inDeployment(injected(t, "web-1", meshAtWork().Obj()), d), want: `
sidecarset/mesh in the Pod: ContainersMissing
  It was injected, and the set has got containers since that the Pod does not have: log.
    kubectl rollout restart deployment/web -n default
`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.namespace == nil {
				test.namespace = namespace("default")
			}
			w := newWorld(t, test.set, test.pod, test.namespace, webhooks(), d, replicaSet(d))
			w.check("why pod/web-1", result{Out: head + test.want})
		})
	}
}

// listed is a set of whose status the operator has put down why a Pod is without.
func listed(reason string) *v1beta1.SidecarSet {
	set := meshAtWork().Obj()
	set.Status.ObservedGeneration = 1
	set.Status.Uninjected = []v1beta1.UninjectedPod{{Namespace: "default", Name: "web-1", Reason: reason}}
	return set
}

// labelledBy is a namespace with a label of somebody's.
func labelledBy(manager, key, value string) *corev1.Namespace {
	out := namespace("default", key, value)
	out.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Time: ago(5 * time.Minute), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:` + key + `":{}}}}`)},
		{Manager: "somebody-else", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Time: ago(time.Minute), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:` + key + `":{}}}}`)},
	}
	return out
}

// What to type depends on who owns the Pod.
func TestWhyForEveryOwner(t *testing.T) {
	young := build.MakeSidecarSet("mesh").Container("proxy", "proxy:1").Obj()
	d := deployment("web")
	sts := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "sts"}}
	asts := build.MakeStatefulSet("queue").Obj()
	asts.Namespace = "default"
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "report", UID: "job"}}
	objects := []client.Object{
		young, namespace("default"), webhooks(), d, replicaSet(d), sts, asts, job,
		inDeployment(web("web-1").Obj(), d), inDeployment(web("web-2").Obj(), d), owned(web("db-0").Obj(), sts, "apps/v1", "StatefulSet"),
		owned(web("queue-0").Obj(), asts, "apps.kruise.io/v1beta1", "StatefulSet"), owned(web("report-x").Obj(), job, "batch/v1", "Job"), web("bare").Obj(),
	}
	for line, want := range map[string]string{
		"why deploy/web": `Deployment default/web: 2 live Pods

sidecarset/mesh in its 2 Pods: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
    kubectl rollout restart deployment/web -n default
`,
		"why sts db": `StatefulSet default/db: 1 live Pod

sidecarset/mesh in the Pod: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
  * Pod db-0 was created at 2026-01-02T03:04:05Z
    kubectl rollout restart statefulset/db -n default
`,
		"why asts/queue": `StatefulSet default/queue: 1 live Pod

sidecarset/mesh in the Pod: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
  * Pod queue-0 was created at 2026-01-02T03:04:05Z
    kubectl windlass restart asts/queue -n default
`,
		"why job/report": `Job default/report: 1 live Pod

sidecarset/mesh in the Pod: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
  * Pod report-x was created at 2026-01-02T03:04:05Z
    kubectl delete pod report-x -n default   # Job report makes another one
`,
		"why pod/bare": `Pod default/bare: 1 live Pod

sidecarset/mesh in the Pod: CreatedBeforeSet
  It is as old as the set, of 2026-01-02T03:04:05Z, or older: sidecars get into a Pod when it is created.
  * Pod bare was created at 2026-01-02T03:04:05Z
    kubectl delete pod bare -n default   # nobody makes it again: create it from its manifest
`,
	} {
		t.Run(line, func(t *testing.T) { newWorld(t, objects...).check(line, result{Out: want}) })
	}
}

func TestWhyOfTheNextPod(t *testing.T) {
	d := deployment("web")
	newWorld(t, meshAtWork().Obj(), d, namespace("default"), webhooks()).check("why deploy/web", result{Out: `
Deployment default/web: 0 live Pods
It has no live Pods; this is what would become of the next one.

sidecarset/mesh in the next Pod: WouldBeInjected
  It would be injected.
`})
	patch := build.MakeSchedPatch("spot").Target("apps/v1", "Deployment", "web").NodeSelector("disk", "ssd").Obj()
	newWorld(t, patch, d, namespace("default"), webhooks()).check("why deploy/web", result{Out: `
Deployment default/web: 0 live Pods
It has no live Pods; this is what would become of the next one.

schedpatch/spot in the next Pod: WouldCarry
  It would carry the patch.
`})
	newWorld(t, patch, deployment("cart"), namespace("default"), webhooks()).check("why deploy/cart -o name", result{})
	newWorld(t, meshAtWork().Obj(), d, namespace("default")).check("why deploy/web -o name", result{})
	newWorld(t, meshAtWork().Obj(), d, namespace("default"), &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "other"}}).
		check("why deploy/web", result{Out: `
Deployment default/web: 0 live Pods
No webhook of Windlass is registered in this cluster: no new Pod gets anything. Is the chart installed?
It has no live Pods; this is what would become of the next one.

sidecarset/mesh in the next Pod: WebhookMissed
  It selects the Pod, and no webhook is registered that would inject it.
`})
}

func TestWhySchedPatches(t *testing.T) {
	d := deployment("cart")
	patch := func(name string) *build.SchedPatchBuilder {
		b := build.MakeSchedPatch(name).Target("apps/v1", "Deployment", "cart").NodeSelector("disk", "ssd")
		b.Obj().CreationTimestamp = metav1.NewTime(build.Epoch.Add(-time.Hour))
		return b
	}
	compiled, err := schedpatch.Compile(patch("spot").Obj())
	if err != nil {
		t.Fatal(err)
	}
	head := "Pod default/cart-1: 1 live Pod\n"
	for name, test := range map[string]struct {
		patch *build.SchedPatchBuilder
		pod   *build.PodBuilder
		want  string
	}{
		"carried": {patch("spot"), web("cart-1").Annotation(v1beta1.SchedPatchesAnnotation, "spot@"+compiled.Hash()), `
schedpatch/spot in the Pod: Carried
  Carried, as it is now.
`},
		"carried as it was": {patch("spot"), web("cart-1").Annotation(v1beta1.SchedPatchesAnnotation, "spot@old"), `
schedpatch/spot in the Pod: Carried
  Carried, as it was before its rules were changed: running Pods are never touched.
`},
		"for another one": {patch("spot").Target("apps/v1", "Deployment", "other"), web("cart-1"), `
Not meant for the Pod:
  schedpatch/spot: It is for Deployment other.
`},
		"the Pod selector": {
			patch("spot").Spec(func(s *v1alpha1.SchedPatchSpec) {
				s.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "web"}}
			}), web("cart-1"), `
Not meant for the Pod:
  schedpatch/spot: spec.podSelector does not select it: it asks for tier=web, and the Pod has no such label.
`},
		"a preview": {patch("spot").Preview(), web("cart-1"), `
schedpatch/spot in the Pod: Preview
  Its mode is Preview, which patches nothing.
`},
		"the webhook was not there": {patch("spot"), web("cart-1"), `
schedpatch/spot in the Pod: WebhookMissed
  The webhook did not answer, or did not know the patch yet.
    kubectl rollout restart deployment/cart -n default
`},
		"it contradicts the Pod": {patch("spot"), onDisk("cart-1", "hdd"), `
schedpatch/spot in the Pod: Conflict
  NodeSelector disk is "hdd" in the Pod and "ssd" in the patch.
`},
		"older than the patch": {patch("spot"), web("cart-1").Created(-2 * time.Hour), `
schedpatch/spot in the Pod: CreatedBefore
  The Pod is older than the patch, or than its last change, of 2026-01-02T02:04:05Z: running Pods are never touched.
    kubectl rollout restart deployment/cart -n default
`},
		"younger than its end": {patch("spot").TTL(time.Minute), web("cart-1"), `
schedpatch/spot in the Pod: Expired
  It ended at 2026-01-02T02:05:05Z, before the Pod was created.
`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.patch.Obj(), inDeployment(test.pod.Obj(), d), namespace("default"), webhooks(), d, replicaSet(d))
			w.check("why pod/cart-1", result{Out: head + test.want})
		})
	}
}

// Pods of an owner that cannot be read may be the object's, and that is said, once for all of its kind. Pods that have
// ended are nobody's concern.
func TestWhyWhereOwnersCannotBeRead(t *testing.T) {
	d := deployment("web")
	other := inDeployment(web("other").Obj(), deployment("other"))
	ended := owned(build.MakePod("ended").Obj(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "report"}}, "batch/v1", "Job")
	ended.Status.Phase = corev1.PodSucceeded
	var asked []string
	funcs := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
		if metadata, is := into.(*metav1.PartialObjectMetadata); is {
			asked = append(asked, metadata.Kind+" "+key.Name)
			return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "replicasets"}, key.Name, errors.New("no role"))
		}
		return c.Get(ctx, key, into, o...)
	}}
	patch := build.MakeSchedPatch("spot").Target("apps/v1", "Deployment", "web").NodeSelector("disk", "ssd").Obj()
	w := newWorldWith(t, funcs, patch, d, inDeployment(web("web-1").Obj(), d), other, ended, namespace("default"), webhooks())
	got := w.run("why deploy/web")
	const want = "warning: cannot read ReplicaSet other-abc in namespace default, so whom Pods belong to through it, and through others of the kind, " +
		"may not be known: replicasets.apps \"other-abc\" is forbidden: no role\n"
	if got.Code != 0 || got.Err != want {
		t.Errorf("%+v, want %s", got, want)
	}
	slices.Sort(asked)
	if diff := cmp.Diff([]string{"ReplicaSet other-abc", "ReplicaSet web-abc"}, slices.Compact(asked)); diff != "" {
		t.Errorf("owners that were asked for (-want +got):\n%s", diff)
	}
	// An owner that is gone, or whose kind is, is none.
	newWorld(t, d, inDeployment(web("web-1").Obj(), d), owned(web("x").Obj(), d, "gone/v1", "Gone"), namespace("default"), webhooks()).
		check("why deploy/web -o name", result{})
}

func TestWhyOfWhatThereIsNot(t *testing.T) {
	w := newWorld(t)
	for line, want := range map[string]result{
		"why pod/web":      {Code: 1, Err: "error: there is no Pod web of v1 in namespace default\n"},
		"why gadget/web":   {Code: 1, Err: "error: \"gadget\" is no kind that this cluster knows; write pod/NAME, or whatever owns the Pods, such as deploy/NAME\n"},
		"why web":          {Code: 2, Err: "error: name one object: pod/NAME, or whatever owns the Pods, such as deploy/NAME\n"},
		"why pod/a -o xml": {Code: 2, Err: "error: --output=xml: must be json, yaml or name\n"},
	} {
		w.check(line, want)
	}
}

func onDisk(name, disk string) *build.PodBuilder {
	b := web(name)
	b.Obj().Spec.NodeSelector = map[string]string{"disk": disk}
	return b
}
