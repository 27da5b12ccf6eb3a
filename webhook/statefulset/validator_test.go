// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// cluster is what a Validator reads.
type cluster struct {
	namespace *corev1.Namespace
	fault     error
}

func (c cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch {
	case c.fault != nil:
		return c.fault
	case c.namespace == nil || c.namespace.Name != key.Name:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, key.Name)
	}
	c.namespace.DeepCopyInto(into.(*corev1.Namespace))
	return nil
}

func (c cluster) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*storagev1.StorageClassList).Items = storageClasses
	return c.fault
}

func validator(c cluster) *Validator {
	return NewValidator(Config{
		StorageClasses: c, Namespaces: c,
		CanResize: func(context.Context) (bool, error) { return true, c.fault },
	})
}

// got is what a test looks at in a response.
type got struct {
	Code    int32
	Message string
}

func gotOf(response admission.Response) got {
	return got{response.Result.Code, response.Result.Message}
}

var shop = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}

func TestWritesAreAnswered(t *testing.T) {
	const wrongKind = `/validate-apps-kruise-io-statefulset is served for StatefulSets of apps.kruise.io, not for StatefulSet.apps: correct the rules of the webhook configuration`
	const hugeRequest = `spec: {template: {spec: {containers: [{name: app, image: a, resources: {requests: {cpu: "1e200000000"}}}]}}}`
	const tinyClaim = `spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: "1e-2147483647"}}}}]}`
	undecodable := `spec: {template: {spec: {containers: none}}}`
	for name, test := range map[string]struct {
		change, before string
		kind           func(*metav1.GroupVersionKind)
		fault          error
		want           got
	}{
		"a set that is right": {want: got{Code: http.StatusOK}},
		"v1alpha1":            {kind: func(k *metav1.GroupVersionKind) { k.Version = "v1alpha1" }, want: got{Code: http.StatusOK}},
		"a set that is wrong": {
			change: `spec: {replicas: -1}`,
			want:   got{http.StatusUnprocessableEntity, `StatefulSet.apps.kruise.io "web" is invalid: spec.replicas: Invalid value: -1: must be 0 or more`}},
		"a change that is wrong": {
			before: `spec: {replicas: 2}`, change: onlyInPlace[:len(onlyInPlace)-1] + `, template: {spec: {containers: [{name: app, image: a, command: [run]}]}}}`,
			want: got{http.StatusUnprocessableEntity, `StatefulSet.apps.kruise.io "web" is invalid: spec.template.spec.containers[app].command: Forbidden: ` + inPlace}},
		"a template that cannot be decoded": {
			change: undecodable,
			want:   got{http.StatusBadRequest, `the request's object is not a StatefulSet: json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container`}},
		"a template that could not be decoded and is mended": {
			before: undecodable, want: got{Code: http.StatusOK}},
		"a template that cannot be decoded, of a set on its way out": {
			before: undecodable, change: undecodable + "\n" + `metadata: {deletionTimestamp: "2026-01-02T03:04:05Z"}`,
			want: got{http.StatusOK, "on its way out"}},
		"a quantity that costs too much to compute with": {
			change: hugeRequest,
			want: got{http.StatusUnprocessableEntity, `StatefulSet.apps.kruise.io "web" is invalid: spec.template.spec.containers[0].resources.requests[cpu]: ` +
				`Invalid value: "1e200000000": its exponent is 200000000; a quantity has at most 64 characters and an exponent from -30 to 30`}},
		"a claim that costs too much to decode": {
			change: tinyClaim,
			want: got{http.StatusUnprocessableEntity, `StatefulSet.apps.kruise.io "web" is invalid: spec.volumeClaimTemplates[0].spec.resources.requests[storage]: ` +
				`Invalid value: "1e-2147483647": its exponent is -2147483647; a quantity has at most 64 characters and an exponent from -30 to 30`}},
		"such a quantity that was stored before, and another change": {
			before: hugeRequest, change: hugeRequest + "\n" + `metadata: {annotations: {a: b}}`, want: got{Code: http.StatusOK}},
		"such a quantity that is mended": {
			before: hugeRequest, want: got{Code: http.StatusOK}},
		"another kind": {
			kind: func(k *metav1.GroupVersionKind) { k.Group = "apps" },
			want: got{http.StatusBadRequest, wrongKind}},
		"no kind": {
			kind: func(k *metav1.GroupVersionKind) { k.Kind = "" },
			want: got{http.StatusBadRequest, `the body is not an AdmissionReview of a StatefulSet: its request.kind is missing`}},
		"StorageClasses that cannot be read": {
			change: withData, fault: errors.New("timeout"),
			want: got{http.StatusInternalServerError, `read the StorageClasses: timeout`}},
		"an API server that does not say what it can": {
			before: `spec: {replicas: 2}`, change: onlyInPlace, fault: errors.New("timeout"),
			want: got{http.StatusInternalServerError, `ask whether the cluster resizes Pods: timeout`}},
		"nothing to read and nothing readable": {
			change: `spec: {replicas: 2}`, fault: errors.New("timeout"),
			want: got{Code: http.StatusOK}},
	} {
		t.Run(name, func(t *testing.T) {
			var old any
			if test.before != "" {
				old = merged(t, minimal, test.before)
			}
			r := request(t, merged(t, minimal, test.change), old)
			if test.kind != nil {
				test.kind(&r.Kind)
			}
			if diff := cmp.Diff(test.want, gotOf(validator(cluster{fault: test.fault}).Handle(t.Context(), r))); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// A client that does not know our fields updates the object without them.
func TestAnUpdateByAClientThatDropsFieldsIsWarnedOf(t *testing.T) {
	old := merged(t, minimal, `spec: {minReadySeconds: 5, reserveOrdinals: [1]}`)
	for version, test := range map[string]struct{ change, want string }{
		"v1alpha1": {`spec: {replicas: 2}`, "reserveOrdinals (was [1]; now none is reserved), minReadySeconds (was 5; now 0). A client"},
		"v1beta1":  {`spec: {replicas: 2, reserveOrdinals: [1]}`, "minReadySeconds (was 5; now 0). A client"},
	} {
		r := request(t, merged(t, minimal, test.change), old)
		r.Kind.Version = version
		want := "spec: this write takes out " + test.want
		response := validator(cluster{}).Handle(t.Context(), r)
		if !response.Allowed || len(response.Warnings) != 1 || !strings.HasPrefix(response.Warnings[0], want) {
			t.Errorf("%s: %+v, %q", version, response.Result, response.Warnings)
		}
	}
}

func TestABodyThatIsNoObjectIsTheCallersFault(t *testing.T) {
	for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Delete} {
		r := request(t, "text", "text")
		r.Operation = operation
		if response := validator(cluster{}).Handle(t.Context(), r); response.Result.Code != http.StatusBadRequest {
			t.Errorf("%s: %+v", operation, response.Result)
		}
	}
}

func TestWarningsComeWithEitherAnswer(t *testing.T) {
	for name, change := range map[string]string{
		"allowed": rolling(`{maxUnavailable: "10%"}`),
		"refused": `spec: {minReadySeconds: -1, updateStrategy: {rollingUpdate: {maxUnavailable: "10%"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			response := validator(cluster{}).Handle(t.Context(), request(t, merged(t, minimal, change), nil))
			if len(response.Warnings) != 1 {
				t.Errorf("warnings: %q", response.Warnings)
			}
		})
	}
}

func TestDeletions(t *testing.T) {
	const (
		always = `metadata: {labels: {policy.kruise.io/delete-protection: Always}}`
		unset  = `kubectl label statefulsets.apps.kruise.io web -n shop policy.kruise.io/delete-protection-`
	)
	cascading := func(spec string) string {
		return `{metadata: {labels: {policy.kruise.io/delete-protection: Cascading}}, spec: ` + spec + `}`
	}
	leaving := shop.DeepCopy()
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for name, test := range map[string]struct {
		change string
		in     cluster
		want   got
	}{
		"an unprotected set": {in: cluster{fault: errors.New("nobody need ask")}, want: got{Code: http.StatusOK}},
		"Always": {
			change: always, in: cluster{namespace: shop},
			want: got{http.StatusForbidden, `statefulsets.apps.kruise.io "web" is forbidden: the label policy.kruise.io/delete-protection=Always protects StatefulSet shop/web from deletion; to delete it all the same, take the label away first: ` + unset}},
		"Cascading with replicas": {
			change: cascading(`{replicas: 3}`), in: cluster{namespace: shop},
			want: got{http.StatusForbidden, `statefulsets.apps.kruise.io "web" is forbidden: the label policy.kruise.io/delete-protection=Cascading protects StatefulSet shop/web from deletion while spec.replicas, which is 3, is above 0; scale it to 0 first: kubectl scale statefulsets.apps.kruise.io web -n shop --replicas=0; or take the label away: ` + unset}},
		"Cascading with the default of replicas": {
			change: cascading(`{replicas: null}`), in: cluster{namespace: shop},
			want: got{http.StatusForbidden, `statefulsets.apps.kruise.io "web" is forbidden: the label policy.kruise.io/delete-protection=Cascading protects StatefulSet shop/web from deletion while spec.replicas, which is 1, is above 0; scale it to 0 first: kubectl scale statefulsets.apps.kruise.io web -n shop --replicas=0; or take the label away: ` + unset}},
		"Cascading without replicas": {change: cascading(`{replicas: 0}`), in: cluster{namespace: shop}, want: got{Code: http.StatusOK}},
		"a value that nobody knows":  {change: `metadata: {labels: {policy.kruise.io/delete-protection: Never}}`, in: cluster{namespace: shop}, want: got{Code: http.StatusOK}},
		"a set on its way out": {
			change: `metadata: {deletionTimestamp: "2026-01-02T03:04:05Z", labels: {policy.kruise.io/delete-protection: Always}}`,
			in:     cluster{namespace: shop}, want: got{Code: http.StatusOK}},
		"a set that cannot be decoded":                  {change: `spec: {template: {spec: none}}`, want: got{Code: http.StatusOK}},
		"a protected set in a namespace on its way out": {change: always, in: cluster{namespace: leaving}, want: got{http.StatusOK, "its namespace is being deleted"}},
		"a protected set in a namespace that is gone":   {change: always, want: got{http.StatusOK, "its namespace is being deleted"}},
		"a protected set in a namespace that cannot be read": {
			change: always, in: cluster{fault: errors.New("timeout")},
			want: got{http.StatusInternalServerError, `read namespace shop of the protected StatefulSet: timeout`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, nil, merged(t, minimal, test.change))
			if diff := cmp.Diff(test.want, gotOf(validator(test.in).Handle(t.Context(), r))); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}
