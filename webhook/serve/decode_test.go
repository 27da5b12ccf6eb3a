// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// echo answers with all of the request that it was given.
func echo(_ context.Context, request admission.Request) admission.Response {
	switch request.Name {
	case "panic":
		panic("at work")
	case "unpatchable":
		return admission.Patched("", jsonpatch.NewOperation("add", "/a", func() {}))
	}
	text, err := json.Marshal(request.AdmissionRequest)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	response := admission.Patched(string(text), jsonpatch.NewOperation("add", "/metadata/labels/a", "<&>"))
	response.Warnings = []string{string(request.Object.Raw), string(request.OldObject.Raw), string(request.Options.Raw)}
	response.AuditAnnotations = map[string]string{"a": "b"}
	return response
}

const ordinary = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"0e6f","kind":{"group":"","version":"v1","kind":"Pod"},` +
	`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"shop","operation":"CREATE","userInfo":{"username":"a\"b","groups":["g"],` +
	`"extra":{"k":["v"]}},"object":{"kind":"Pod","metadata":{"name":"}]\"","labels":{"object":"x"}}},"oldObject":null,"dryRun":false,` +
	`"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}}`

// TestReviewsAreAnsweredAsTheHookItselfAnswers compares our reading of ordinary reviews with that of controller-runtime.
// ours is true for those that are not left to it.
func TestReviewsAreAnsweredAsTheHookItselfAnswers(t *testing.T) {
	with := func(old, changed string) string { return strings.Replace(ordinary, old, changed, 1) }
	for name, test := range map[string]struct {
		body string
		ours bool
	}{
		"an ordinary one":                    {ordinary, true},
		"one of v1beta1":                     {with("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), true},
		"an update":                          {with(`"oldObject":null`, `"oldObject":{"kind":"Pod"}`), true},
		"a deletion":                         {with(`"object":{"kind":"Pod","metadata":{"name":"}]\"","labels":{"object":"x"}}}`, `"object":null`), true},
		"a dry run":                          {with(`"dryRun":false`, `"dryRun":true`), true},
		"no options":                         {with(`,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`, ``), true},
		"the old object first":               {with(`"uid":"0e6f",`, `"oldObject":[ 1 ],"uid":"0e6f",`), false},
		"the options first":                  {strings.Replace(with(`,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`, ``), `"uid"`, `"options":"o","uid"`, 1), true},
		"space between all":                  {strings.NewReplacer(`,"`, " ,\n\t\"", `":`, "\" : ", "}}}", "} } }\n").Replace(ordinary), true},
		"an unknown field":                   {with(`"uid"`, `"new":{"object":1},"uid"`), true},
		"a field in another case":            {with(`"uid"`, `"UID"`), true},
		"a number for a name":                {with(`"namespace":"shop"`, `"namespace":1`), false},
		"an object that stands twice":        {with(`"uid"`, `"object":{},"uid"`), false},
		"a uid that stands twice":            {with(`"uid"`, `"uid":"first","uid"`), true},
		"an object with an escaped name":     {with(`"object":`, `"\u006fbject":`), false},
		"another kind":                       {with(`AdmissionReview`, `Pod`), false},
		"another version":                    {with("admission.k8s.io/v1", "admission.k8s.io/v2"), false},
		"no kind":                            {with(`"kind":"AdmissionReview",`, ``), false},
		"no request":                         {`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`, false},
		"a request of null":                  {`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}`, false},
		"a list for a request":               {`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":[]}`, false},
		"half of it":                         {ordinary[:len(ordinary)/2], false},
		"something behind it":                {ordinary + "x", false},
		"no JSON":                            {"\xff{[", false},
		"nothing":                            {"", false},
		"a handler that panics":              {with(`"namespace":`, `"name":"panic","namespace":`), true},
		"an answer that cannot be written":   {with(`"namespace":`, `"name":"unpatchable","namespace":`), true},
		"an answer to an ordinary one again": {ordinary, true},
	} {
		t.Run(name, func(t *testing.T) {
			hook := &webhook.Admission{Handler: admission.HandlerFunc(echo)}
			request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			request.Header.Set("Content-Type", "application/json")
			if test.body == "" {
				request.Body = http.NoBody
			}
			want := httptest.NewRecorder()
			hook.ServeHTTP(want, request.Clone(t.Context()))

			if got := answerReview(hook, request, []byte(test.body), &answer{header: http.Header{}}); got != test.ours {
				t.Errorf("answered without the hook: %v", got)
			}
			got := run(hook, request, []byte(test.body))
			if diff := cmp.Diff(want.Body.String(), got.body.String()); diff != "" {
				t.Errorf("(-hook +ours):\n%s", diff)
			}
		})
	}
}

func TestAReviewOfAnotherContentTypeIsLeftToTheHook(t *testing.T) {
	hook := &webhook.Admission{Handler: admission.HandlerFunc(echo)}
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request.Header.Set("Content-Type", "application/yaml")
	got := run(hook, request, []byte(ordinary))
	if text := got.body.String(); !strings.Contains(text, "contentType=application/yaml, expected application/json") {
		t.Errorf("got %s", text)
	}
}

// TestObjectsOfAReviewEndWhereTheyEnd: whoever appends to one must not write over what follows in the body.
func TestObjectsOfAReviewEndWhereTheyEnd(t *testing.T) {
	review, ok := decodeReview([]byte(ordinary))
	if !ok {
		t.Fatal("not read")
	}
	for _, raw := range [][]byte{review.Request.Object.Raw, review.Request.Options.Raw} {
		if len(raw) == 0 || cap(raw) != len(raw) {
			t.Errorf("%s has room for %d bytes", raw, cap(raw))
		}
	}
}
