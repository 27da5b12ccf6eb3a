// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

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

// cluster is what a Validator reads besides stored sets.
type cluster struct {
	sets       map[string]*v1beta1.SidecarSet
	namespaces []corev1.Namespace
	fault      error
}

func (c cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if c.fault != nil {
		return c.fault
	}
	set, ok := c.sets[key.Name]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "sidecarsets"}, key.Name)
	}
	set.DeepCopyInto(into.(*v1beta1.SidecarSet))
	return nil
}

func (c cluster) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*corev1.NamespaceList); ok {
		list.Items = c.namespaces
	}
	return nil
}

func newValidator(t *testing.T, change ...func(*Config)) *Validator {
	t.Helper()
	config := Config{
		Stored: NewStored(), Live: cluster{}, Namespaces: cluster{},
		Policy: policy.NewFile("", policy.Parse), Patches: policy.NewFile("", policy.ParsePatchRules),
	}
	for _, c := range change {
		c(&config)
	}
	validator, err := NewValidator(config)
	if err != nil {
		t.Fatal(err)
	}
	return validator
}

func TestABaseTooYoungForTheCacheIsReadLive(t *testing.T) {
	canary := named("canary", annotated(canaryOf("base")), spec(notUpdated))
	for name, test := range map[string]struct {
		live cluster
		want int32
	}{
		"the API server has it":        {cluster{sets: map[string]*v1beta1.SidecarSet{"base": named("base")}}, http.StatusOK},
		"the API server has none":      {cluster{}, http.StatusUnprocessableEntity},
		"the API server cannot say so": {cluster{fault: errors.New("timeout")}, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			validator := newValidator(t, func(c *Config) { c.Live = test.live })
			if response := validator.Handle(t.Context(), request(t, canary)); response.Result.Code != test.want {
				t.Errorf("%+v, want code %d", response.Result, test.want)
			}
		})
	}
}

func TestASetOnItsWayOutIsNeverHeldUp(t *testing.T) {
	set := build.MakeSidecarSet("s").Selector(nil).Obj()
	set.DeletionTimestamp = &metav1.Time{Time: build.Epoch}
	if response := newValidator(t).Handle(t.Context(), request(t, set)); !response.Allowed {
		t.Errorf("refused: %+v", response.Result)
	}
}

func TestAnUpdateIsValidatedByWhatWasBefore(t *testing.T) {
	r := request(t, named("s", spec(agent(hot))))
	raw, err := json.Marshal(named("s"))
	if err != nil {
		t.Fatal(err)
	}
	r.OldObject = runtime.RawExtension{Raw: raw}
	if response := newValidator(t).Handle(t.Context(), r); response.Allowed {
		t.Error("a cold upgraded container became hot")
	}
	r.OldObject.Raw = []byte("{")
	if response := newValidator(t).Handle(t.Context(), r); response.Result.Code != http.StatusBadRequest {
		t.Errorf("an old object that is not JSON: %+v", response.Result)
	}
}

// A program without our webhooks may have stored what is no SidecarSet: the schema keeps what it does not know.
func TestWhatCannotBeDecodedCanBeMendedAndDeleted(t *testing.T) {
	broken := runtime.RawExtension{Raw: []byte(`{"metadata": {"name": "s"}, "spec": {"containers": [{"name": "agent", "command": "run"}]}}`)}
	leaving := runtime.RawExtension{Raw: []byte(`{"metadata": {"name": "s", "deletionTimestamp": "2026-01-02T03:04:05Z"}, "spec": {"containers": 5}}`)}
	for name, test := range map[string]struct {
		object, old runtime.RawExtension
		want        int32
	}{
		"a set is mended":                      {request(t, named("s")).Object, broken, http.StatusOK},
		"a broken set is changed":              {broken, broken, http.StatusBadRequest},
		"a finalizer of a broken set is taken": {leaving, leaving, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, named("s"))
			r.Object, r.OldObject = test.object, test.old
			for path, handler := range map[string]admission.Handler{"mutating": Defaulter{}, "validating": newValidator(t)} {
				response := handler.Handle(t.Context(), r)
				if response.Allowed != (test.want == http.StatusOK) || !response.Allowed && response.Result.Code != test.want {
					t.Errorf("%s: %+v, want code %d", path, response.Result, test.want)
				}
			}
		})
	}
}

func TestAChangedPolicyHoldsAtOnceAndABrokenOneIsIgnored(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	validator := newValidator(t, func(c *Config) { c.Policy = policy.NewFile(file, policy.Parse) })
	privileged := named("s", spec(secured(corev1.SecurityContext{Privileged: ptr.To(true)})))
	type answer struct {
		Allowed  bool
		Warnings int
	}
	for _, step := range []struct {
		name, content string
		want          answer
	}{
		{"warned of", "", answer{true, 1}},
		{"denied", "privileged: {action: Deny}", answer{false, 0}},
		{"still denied by the policy before a mistake", "privileged: {action: Never}", answer{false, 0}},
		{"allowed", "privileged: {action: Allow}", answer{true, 0}},
	} {
		if err := os.WriteFile(file, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		response := validator.Handle(t.Context(), request(t, privileged))
		if diff := cmp.Diff(step.want, answer{response.Allowed, len(response.Warnings)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestARefusalNamesEachField(t *testing.T) {
	response := newValidator(t).Handle(t.Context(), request(t, build.MakeSidecarSet("s").Selector(nil).Obj()))
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
	for name, test := range map[string]struct {
		kind metav1.GroupVersionKind
		want string
	}{
		"no kind": {metav1.GroupVersionKind{}, "the body is not an AdmissionReview of a SidecarSet: its request.kind is missing"},
		"another kind": {metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"},
			"/mutate-apps-kruise-io-sidecarset and /validate-apps-kruise-io-sidecarset are served for SidecarSets, not for StatefulSet.apps: " +
				"correct the rules of the webhook configuration"},
	} {
		r := request(t, struct{}{})
		r.Kind = test.kind
		for path, handler := range map[string]admission.Handler{"mutating": Defaulter{}, "validating": newValidator(t)} {
			t.Run(path+", "+name, func(t *testing.T) {
				response := handler.Handle(t.Context(), r)
				if response.Allowed || response.Result.Code != http.StatusBadRequest || response.Result.Message != test.want {
					t.Errorf("allowed %t, %+v; want 400: %s", response.Allowed, response.Result, test.want)
				}
			})
		}
	}
}

func TestMisspeltFieldsAreWarnedOf(t *testing.T) {
	r := request(t, named("s"))
	r.Object.Raw = bytes.Replace(r.Object.Raw, []byte(`"name":"agent"`), []byte(`"name":"agent","imagee":"agent:2","readynessProbe":{}`), 1)
	response := newValidator(t).Handle(t.Context(), r)
	want := []string{
		`unknown field "spec.containers[0].imagee", which is kept but has no effect unless the cluster knows it`,
		`unknown field "spec.containers[0].readynessProbe", which is kept but has no effect unless the cluster knows it`,
	}
	if diff := cmp.Diff(want, response.Warnings); diff != "" || !response.Allowed {
		t.Errorf("allowed: %t, warnings (-want +got):\n%s", response.Allowed, diff)
	}
}

// A client that does not know our fields updates the object without them.
func TestAnUpdateByAClientThatDropsFieldsIsWarnedOf(t *testing.T) {
	old := named("s", spec(func(s *v1beta1.SidecarSetSpec) { s.Namespace, s.UpdateStrategy.TopologyKey = "shop", "zone" }))
	asked := request(t, named("s"))
	raw, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	asked.OldObject = runtime.RawExtension{Raw: raw}
	for version, want := range map[string]string{
		"v1alpha1": "spec: this write takes out updateStrategy.topologyKey (was zone; now no order of zones). A client that does not know that field",
		"v1beta1": "spec: this write takes out namespace (was shop; now the Pods of every namespace), updateStrategy.topologyKey (was zone; " +
			"now no order of zones). A client that does not know those fields",
	} {
		asked.Kind.Version = version
		response := newValidator(t).Handle(t.Context(), asked)
		if !response.Allowed || len(response.Warnings) != 1 || !strings.HasPrefix(response.Warnings[0], want) {
			t.Errorf("%s: %+v, %q", version, response.Result, response.Warnings)
		}
	}
}
