// SPDX-License-Identifier: Apache-2.0

package admit

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// pods are served in these tests, because everybody knows their fields.
var pods = Kind[corev1.Pod]{GroupKind: schema.GroupKind{Kind: "Pod"}, Plural: "Pods", Paths: []string{"/a", "/b"}}

func write(object, old string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:   metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Object: runtime.RawExtension{Raw: []byte(object)}, OldObject: runtime.RawExtension{Raw: []byte(old)},
	}}
}

// got is what a test looks at in a response.
type got struct {
	Code     int32
	Message  string
	Warnings []string
}

func gotOf(response admission.Response) got {
	return got{response.Result.Code, response.Result.Message, response.Warnings}
}

func containers(text string) string {
	return `{"metadata": {"name": "p"}, "spec": {"containers": ` + text + `}}`
}

func withCPU(text string) string {
	return containers(`[{"name": "c", "resources": {"requests": {"cpu": "` + text + `"}}}]`)
}

func TestWhatIsAnsweredWithoutValidation(t *testing.T) {
	const leaving = `{"metadata": {"name": "p", "deletionTimestamp": "2026-01-02T03:04:05Z"}, "spec": 5}`
	const outOfBounds = `Pod "p" is invalid: spec.containers[0].resources.requests[cpu]: Invalid value: "1e300000000": its exponent is 300000000; ` +
		`a quantity has at most 64 characters and an exponent from -30 to 30`
	otherKind := func(group, kind string) admission.Request {
		r := write(`{}`, "")
		r.Kind = metav1.GroupVersionKind{Group: group, Version: "v1", Kind: kind}
		return r
	}
	for name, test := range map[string]struct {
		request admission.Request
		want    got
	}{
		"no kind": {otherKind("", ""), got{Code: http.StatusBadRequest,
			Message: "the body is not an AdmissionReview of a Pod: its request.kind is missing"}},
		"another kind": {otherKind("apps", "Deployment"), got{Code: http.StatusBadRequest,
			Message: "/a and /b are served for Pods, not for Deployment.apps: correct the rules of the webhook configuration"}},
		"the kind of another group": {otherKind("example.com", "Pod"), got{Code: http.StatusBadRequest,
			Message: "/a and /b are served for Pods, not for Pod.example.com: correct the rules of the webhook configuration"}},
		"no object": {write("", ""), got{Code: http.StatusBadRequest,
			Message: "the request's object is not a Pod: unexpected end of JSON input"}},
		"an object that is not JSON": {write("{", ""), got{Code: http.StatusBadRequest,
			Message: "the request's object is not a Pod: unexpected end of JSON input"}},
		"an object that is something else": {write(containers(`5`), ""), got{Code: http.StatusBadRequest,
			Message: "the request's object is not a Pod: json: cannot unmarshal number into Go struct field PodSpec.spec.containers of type []v1.Container"}},
		"metadata that is something else": {write(`{"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z", "labels": 5}}`, ""), got{Code: http.StatusBadRequest,
			Message: "the request's object is not a Pod: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type map[string]string"}},
		"an old object that is not JSON": {write(containers(`[]`), "{"), got{Code: http.StatusBadRequest,
			Message: "the request's old object is not a Pod: unexpected end of JSON input"}},
		"an object on its way out": {write(leaving, leaving), got{Code: http.StatusOK, Message: "on its way out"}},
		"a quantity out of bounds": {write(withCPU("1e300000000"), ""), got{Code: http.StatusUnprocessableEntity, Message: outOfBounds}},
		"a quantity taken out of bounds": {write(withCPU("1e300000000"), withCPU("1")),
			got{Code: http.StatusUnprocessableEntity, Message: outOfBounds}},
	} {
		t.Run(name, func(t *testing.T) {
			response := pods.Answer(test.request, func(Write[corev1.Pod]) (Result, error) {
				t.Error("validation was asked")
				return Result{}, nil
			})
			if diff := cmp.Diff(test.want, gotOf(response)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatValidationIsAskedWith(t *testing.T) {
	const most = "9223372036854775807"
	type asked struct {
		Object, Old string
		JSON        string
	}
	cpu := func(pod *corev1.Pod) string {
		if pod == nil {
			return "none"
		}
		return pod.Spec.Containers[0].Resources.Requests.Cpu().String()
	}
	for name, test := range map[string]struct {
		request admission.Request
		want    asked
	}{
		"a new object": {write(withCPU("1"), ""), asked{"1", "none", withCPU("1")}},
		"a change":     {write(withCPU("2"), withCPU("1")), asked{"2", "1", withCPU("2")}},
		"an object that could not be decoded and is mended": {
			write(withCPU("2"), containers(`5`)), asked{"2", "none", withCPU("2")}},
		"a quantity that is brought back into bounds": {
			write(withCPU("2"), withCPU("1e300000000")), asked{"2", most, withCPU("2")}},
		"a quantity that was stored out of bounds": {
			write(withCPU("1e300000000"), withCPU("1e300000000")), asked{most, most, withCPU(most)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got asked
			pods.Answer(test.request, func(w Write[corev1.Pod]) (Result, error) {
				got = asked{cpu(w.Object), cpu(w.Old), string(w.JSON)}
				return Result{}, nil
			})
			if diff := cmp.Diff(test.want, got, cmp.Comparer(sameJSON)); diff != "" {
				t.Errorf("asked with (-want +got):\n%s", diff)
			}
		})
	}
}

// sameJSON compares texts, as JSON where they are such.
func sameJSON(a, b string) bool {
	var one, other any
	if json.Unmarshal([]byte(a), &one) != nil || json.Unmarshal([]byte(b), &other) != nil {
		return a == b
	}
	return cmp.Equal(one, other)
}

func TestWhatValidationSaysIsAnswered(t *testing.T) {
	errs := field.ErrorList{field.Required(field.NewPath("spec", "a"), "must be"), field.Required(field.NewPath("spec", "b"), "must be")}
	warnings := []string{"spec.c: has no effect"}
	for name, test := range map[string]struct {
		result Result
		fault  error
		want   got
		fields []string
	}{
		"nothing":  {want: got{Code: http.StatusOK}},
		"warnings": {result: Result{Warnings: warnings}, want: got{Code: http.StatusOK, Warnings: warnings}},
		"errors and warnings": {
			result: Result{errs, warnings},
			want: got{http.StatusUnprocessableEntity,
				`Pod "p" is invalid: [spec.a: Required value: must be, spec.b: Required value: must be]`, warnings},
			fields: []string{"spec.a", "spec.b"}},
		"that it cannot tell": {fault: errors.New("timeout"), want: got{Code: http.StatusInternalServerError, Message: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			response := pods.Answer(write(withCPU("1"), ""), func(Write[corev1.Pod]) (Result, error) { return test.result, test.fault })
			if diff := cmp.Diff(test.want, gotOf(response)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			var fields []string
			if details := response.Result.Details; details != nil {
				for _, cause := range details.Causes {
					fields = append(fields, cause.Field)
				}
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
}
