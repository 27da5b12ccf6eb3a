// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/webhook/spans"
)

// answerReview answers an ordinary review as the hook itself would, for about half of the cost, the client included: the
// hook reads all of the review four times to find out what it is. It reports false, and has done nothing, when the hook
// has to read it.
func answerReview(hook *webhook.Admission, r *http.Request, body []byte, a *answer) bool {
	if hook.WithContextFunc != nil || r.Header.Get("Content-Type") != "application/json" {
		return false
	}
	review, ok := decodeReview(body)
	if !ok {
		return false
	}
	response := hook.Handle(r.Context(), admission.Request{AdmissionRequest: *review.Request})
	review.Request, review.Response = nil, &response.AdmissionResponse
	_ = json.NewEncoder(a).Encode(review) // it can always be written
	return true
}

// decodeReview reads a review as API servers write it. The objects in it are not read: they are those of the body.
func decodeReview(body []byte) (review admissionv1.AdmissionReview, ok bool) {
	var request [1]spans.Span
	if !spans.Find(body, request[:], "request") {
		return review, false
	}
	inner := request[0].In(body)
	var objects [3]spans.Span
	if !spans.Find(inner, objects[:], "object", "oldObject", "options") {
		return review, false
	}
	rest := without(body, request[0].Start, objects[:])
	if kjson.Unmarshal(rest, &review) != nil || review.Request == nil || !known(review.APIVersion, review.Kind) {
		return review, false
	}
	for i, into := range []*runtime.RawExtension{&review.Request.Object, &review.Request.OldObject, &review.Request.Options} {
		if raw := objects[i].In(inner); string(raw) != "null" {
			into.Raw = raw[:len(raw):len(raw)]
		}
	}
	return review, true
}

// without returns a copy of a text that has null in the place of some values. Their spans begin at an offset.
func without(text []byte, offset int, values []spans.Span) []byte {
	size := len(text)
	for _, value := range values {
		size -= value.End - value.Start - len("null")
	}
	out := make([]byte, 0, size)
	at := 0
	for value := first(values, at); value.End != 0; value = first(values, at-offset) {
		out = append(append(out, text[at:offset+value.Start]...), "null"...)
		at = offset + value.End
	}
	return append(out, text[at:]...)
}

// first is the first of some values that does not begin before an offset; the zero value when there is none.
func first(values []spans.Span, from int) (out spans.Span) {
	for _, value := range values {
		if value.End != 0 && value.Start >= from && (out.End == 0 || value.Start < out.Start) {
			out = value
		}
	}
	return out
}

// known reports whether the two versions of reviews, which are the same, are asked for.
func known(apiVersion, kind string) bool {
	return kind == "AdmissionReview" &&
		(apiVersion == admissionv1.SchemeGroupVersion.String() || apiVersion == admissionv1beta1.SchemeGroupVersion.String())
}

// run has a handler answer a request whose body has been read.
func run(next http.Handler, r *http.Request, body []byte) *answer {
	a := &answer{header: http.Header{}}
	if hook, ok := next.(*webhook.Admission); ok && answerReview(hook, r, body, a) {
		return a
	}
	read := r.Clone(r.Context())
	read.Body = http.NoBody
	if len(body) > 0 {
		read.Body = io.NopCloser(bytes.NewReader(body))
	}
	next.ServeHTTP(a, read)
	return a
}
