package sidecarset

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func TestValidate(t *testing.T) {
	NewValidator() // sets up what Kubernetes' own validation needs
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s").Container("agent", "agent:1") }
	for name, test := range map[string]struct {
		set  *build.SidecarSetBuilder
		want []string
	}{
		"a plain set": {set(), nil},
		"only an init container": {
			build.MakeSidecarSet("s").InitContainer("setup", "setup:1"), nil},
		"a privileged sidecar is a matter of policy": {
			set().Spec(func(s *v1beta1.SidecarSetSpec) {
				yes := true
				s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
			}), nil},
		"maxUnavailable 0 is legal on the wire": {
			set().MaxUnavailable("0"), nil},
		"no selector": {
			set().Selector(nil),
			[]string{`spec.selector: Required value: a SidecarSet must say which Pods it is for`}},
		"an empty selector": {
			set().Selector(&metav1.LabelSelector{}),
			[]string{`spec.selector: Invalid value: "{}": must not be empty: name at least one label, or nothing would be selected`}},
		"a bad operator": {
			set().Selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}),
			[]string{`spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`}},
		"an empty namespace selector": {
			set().Spec(func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = &metav1.LabelSelector{} }),
			[]string{`spec.namespaceSelector: Invalid value: "{}": must not be empty: name at least one label, or nothing would be selected`}},
		"no containers": {
			build.MakeSidecarSet("s"),
			[]string{`spec.containers: Required value: a SidecarSet must have at least one container or init container`}},
		"a name twice": {
			set().Container("agent", "agent:2"),
			[]string{`spec.containers[1].name: Duplicate value: "agent"`}},
		"no image": {
			build.MakeSidecarSet("s").Container("agent", ""),
			[]string{`spec.containers[0].image: Required value`}},
		"a mount without its volume": {
			set().Spec(func(s *v1beta1.SidecarSetSpec) {
				s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			}),
			[]string{`spec.containers[0].volumeMounts[0].name: Not found: "data"`}},
		"maxUnavailable over 100 %": {
			set().MaxUnavailable("150%"),
			[]string{`spec.updateStrategy.maxUnavailable: Invalid value: "150%": must be a whole number from 0 up, or a percentage from "0%" to "100%"`}},
		"a negative partition": {
			set().Partition("-1"),
			[]string{`spec.updateStrategy.partition: Invalid value: "-1": must be a whole number from 0 up, or a percentage from "0%" to "100%"`}},
		"a word for a count": {
			set().MaxUnavailable("some"),
			[]string{`spec.updateStrategy.maxUnavailable: Invalid value: "some": must be a whole number from 0 up, or a percentage from "0%" to "100%"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range Validate(test.set.Obj()) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func request(t *testing.T, object any) admission.Request {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:   metav1.GroupVersionKind{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "SidecarSet"},
		Object: runtime.RawExtension{Raw: raw},
	}}
}

func TestARefusalNamesEachField(t *testing.T) {
	response := NewValidator().Handle(t.Context(), request(t, build.MakeSidecarSet("s").Selector(nil).Obj()))
	if response.Allowed || response.Result.Code != http.StatusUnprocessableEntity {
		t.Fatalf("allowed %t, %+v", response.Allowed, response.Result)
	}
	var fields []string
	for _, cause := range response.Result.Details.Causes {
		fields = append(fields, cause.Field)
	}
	if diff := cmp.Diff([]string{"spec.selector", "spec.containers"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestTheDefaulterWritesTheHashesAndNothingElse(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	both := map[string]string{
		v1beta1.SidecarSetHashAnnotation:             set.Hashes.Full,
		v1beta1.SidecarSetHashWithoutImageAnnotation: set.Hashes.WithoutImage,
	}
	stale := object.DeepCopy()
	stale.Annotations = map[string]string{v1beta1.SidecarSetHashAnnotation: "old", v1beta1.SidecarSetHashWithoutImageAnnotation: set.Hashes.WithoutImage}
	current := object.DeepCopy()
	current.Annotations = both
	for name, test := range map[string]struct {
		object *v1beta1.SidecarSet
		want   map[string]any
	}{
		"a set without annotations gets both": {object, map[string]any{"/metadata/annotations": both}},
		"a stale hash is replaced":            {stale, map[string]any{"/metadata/annotations/kruise.io~1sidecarset-hash": set.Hashes.Full}},
		"current hashes are left alone":       {current, map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]any{}
			for _, operation := range (Defaulter{}).Handle(t.Context(), request(t, test.object)).Patches {
				got[operation.Path] = operation.Value
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("patch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnotherKindIsRefusedWith400(t *testing.T) {
	r := request(t, struct{}{})
	r.Kind.Kind = "StatefulSet"
	for name, handler := range map[string]admission.Handler{"mutating": Defaulter{}, "validating": NewValidator()} {
		if response := handler.Handle(t.Context(), r); response.Allowed || response.Result.Code != http.StatusBadRequest {
			t.Errorf("%s: allowed %t, %+v", name, response.Allowed, response.Result)
		}
	}
}
