// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
)

func ssd() *build.SchedPatchBuilder {
	return build.MakeSchedPatch("p").Namespace("shop").NodeSelector("disk", "ssd")
}

func tolerating(tolerations ...corev1.Toleration) *build.SchedPatchBuilder {
	return ssd().Spec(func(spec *v1alpha1.SchedPatchSpec) { spec.Tolerations = tolerations })
}

// said is what a writer is told.
type said struct {
	Errors, Warnings []string
}

func TestValidate(t *testing.T) {
	const (
		controlPlane = "node-role.kubernetes.io/control-plane"
		noEffect     = "metadata.namespace: new Pods of namespace shop are not seen by the webhooks, so this SchedPatch has no effect: "
		comesFirst   = " already, as a rule for 300 seconds, and the first of several tolerations counts: set tolerationSeconds in " +
			"the Pod template to change how long"
	)
	for name, tc := range map[string]struct {
		patch    *build.SchedPatchBuilder
		allowed  []string
		excluded []string
		labels   map[string]string
		want     said
	}{
		"nothing of an ordinary patch": {patch: ssd().Toleration("gpu")},
		"what is wrong with the patch by itself": {
			patch: ssd().MaxPods(0),
			want:  said{Errors: []string{"spec.maxPods: Invalid value: 0: must be at least 1; for no Pod at all use mode Preview"}},
		},
		"a toleration of everything": {
			patch: ssd().Toleration("gpu").Toleration(""),
			want: said{Errors: []string{`spec.tolerations[1].key: Forbidden: without a key every taint is tolerated: name the taint, ` +
				`or have "*" added to the chart's value schedPatch.allowedTolerations`}},
		},
		"a toleration of everything with an effect": {
			patch: tolerating(corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}),
			want: said{Errors: []string{`spec.tolerations[0].key: Forbidden: without a key every taint is tolerated: name the taint, ` +
				`or have "*" added to the chart's value schedPatch.allowedTolerations`}},
		},
		"nothing of a toleration of everything that is allowed": {patch: ssd().Toleration(""), allowed: []string{controlPlane, "*"}},
		"a toleration of the control plane": {
			patch: ssd().Toleration(controlPlane),
			want: said{Errors: []string{`spec.tolerations[0].key: Forbidden: "node-role.kubernetes.io/control-plane" would let Pods ` +
				`onto the nodes of the control plane: remove it, or have it added to the chart's value schedPatch.allowedTolerations`}},
		},
		"a toleration of the control plane by its old name": {
			patch: tolerating(corev1.Toleration{Key: "node-role.kubernetes.io/master", Value: "x"}), allowed: []string{controlPlane},
			want: said{Errors: []string{`spec.tolerations[0].key: Forbidden: "node-role.kubernetes.io/master" would let Pods onto the ` +
				`nodes of the control plane: remove it, or have it added to the chart's value schedPatch.allowedTolerations`}},
		},
		"nothing of a toleration of the control plane that is allowed": {patch: ssd().Toleration(controlPlane), allowed: []string{controlPlane}},
		"a toleration that Pods have before": {
			patch: ssd().Toleration("node.kubernetes.io/unreachable"),
			want:  said{Warnings: []string{"spec.tolerations[0]: Pods tolerate node.kubernetes.io/unreachable" + comesFirst}},
		},
		"nothing of the same taint when it only keeps Pods from coming": {
			patch: tolerating(corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists,
				Effect: corev1.TaintEffectNoSchedule}),
		},
		"a namespace that is excluded": {
			patch: ssd(), excluded: []string{"kube-system", "shop"},
			want: said{Warnings: []string{noEffect + "the namespace is one of the cluster's or Windlass' own, or listed in the " +
				"chart's value webhook.excludedNamespaces"}},
		},
		"a namespace whose injection is disabled": {
			patch: ssd(), labels: map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled},
			want: said{Warnings: []string{noEffect + "the namespace is labelled apps.kruise.io/injection=disabled"}},
		},
		"nothing of a namespace whose injection is enforced": {
			patch: ssd(), labels: map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced},
		},
		"an end that is over": {
			patch: ssd().Spec(func(spec *v1alpha1.SchedPatchSpec) { spec.ExpiresAt = &metav1.Time{Time: build.Epoch} }),
			want:  said{Warnings: []string{"spec.expiresAt: 2026-01-02T03:04:05Z is over, so no new Pod is patched"}},
		},
		"a ttl that is over": {
			patch: ssd().TTL(time.Minute),
			want:  said{Warnings: []string{"spec.ttlSeconds: 60 seconds after its creation are over, so no new Pod is patched"}},
		},
		"nothing of a ttl that is not": {patch: ssd().TTL(2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.allowed == nil && tc.excluded == nil && tc.labels == nil {
				object := corpus.Manifest(t, v1alpha1.GroupVersion.String(), "SchedPatch", tc.patch.Obj())
				corpus.Keep(t, corpus.SchedPatches, corpus.Case{Object: object})
			}
			result := Validate(Input{
				Patch: tc.patch.Obj(), AllowedTolerations: tc.allowed, Excluded: tc.excluded,
				Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: tc.labels}},
				Now:       metav1.NewTime(build.Epoch.Add(time.Hour)),
			})
			got := said{Warnings: result.Warnings}
			for _, err := range result.Errors {
				got.Errors = append(got.Errors, err.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Validate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATTLOfANewPatchIsAhead(t *testing.T) {
	object := ssd().TTL(time.Minute).Obj()
	object.CreationTimestamp = metav1.Time{} // as while it is being created
	if got := endWarnings(Input{Patch: object, Now: metav1.NewTime(build.Epoch)}); got != nil {
		t.Errorf("warned of %q", got)
	}
}

func request(t *testing.T, object, old *v1alpha1.SchedPatch) admission.Request {
	t.Helper()
	out := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "SchedPatch"},
		Namespace: object.Namespace,
	}}
	for patch, into := range map[*v1alpha1.SchedPatch]*runtime.RawExtension{object: &out.Object, old: &out.OldObject} {
		if patch == nil {
			continue
		}
		raw, err := json.Marshal(patch)
		if err != nil {
			t.Fatal(err)
		}
		into.Raw = raw
	}
	return out
}

func TestValidator(t *testing.T) {
	broken := func() *build.SchedPatchBuilder { return ssd().Toleration("") }
	changed := func(change func(*v1alpha1.SchedPatch)) *v1alpha1.SchedPatch {
		object := broken().Obj()
		change(object)
		return object
	}
	now := metav1.NewTime(build.Epoch)
	v := &Validator{Namespaces: fake.NewClientBuilder().Build(), Clock: clocktesting.NewFakePassiveClock(build.Epoch)}
	for name, tc := range map[string]struct {
		object, old *v1alpha1.SchedPatch
		want        bool
	}{
		"a good patch is stored": {object: ssd().Obj(), want: true},
		"a broken one is not":    {object: broken().Obj()},
		"one that is broken already can be labelled": {
			object: changed(func(o *v1alpha1.SchedPatch) { o.Labels = map[string]string{"a": "b"} }), old: broken().Obj(), want: true},
		"one that is broken already cannot be edited": {object: changed(func(o *v1alpha1.SchedPatch) { o.Spec.Priority = 2 }),
			old: broken().Obj()},
		"one on its way out loses its finalizers": {
			object: changed(func(o *v1alpha1.SchedPatch) { o.DeletionTimestamp = &now; o.Spec.Priority = 2 }), old: broken().Obj(), want: true},
		"a broken one can be mended": {object: ssd().Obj(), old: broken().Obj(), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			response := v.Handle(context.Background(), request(t, tc.object, tc.old))
			if response.Allowed != tc.want {
				t.Errorf("allowed: %t, want %t: %v", response.Allowed, tc.want, response.Result)
			}
		})
	}
	other := request(t, ssd().Obj(), nil)
	other.Kind = metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	want := "/validate-apps-kruise-io-schedpatch is served for SchedPatches, not for Deployment.apps: correct the rules of the " +
		"webhook configuration"
	if response := v.Handle(t.Context(), other); response.Allowed || response.Result.Message != want {
		t.Errorf("a Deployment is answered with %v", response.Result)
	}
}
