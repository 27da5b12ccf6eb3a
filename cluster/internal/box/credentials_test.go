// SPDX-License-Identifier: Apache-2.0

package box

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrivateRepositoriesAskForCredentials(t *testing.T) {
	const public, private = "/v2/windlass-operator/testsidecar/manifests/v1", "/v2/windlass-operator/private/testsidecar/manifests/v1"
	handler := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for name, test := range map[string]struct {
		path, user, password string
		want                 int
	}{
		"a public one asks nobody":       {public, "", "", http.StatusTeapot},
		"a name that only looks like it": {"/v2/windlass-operator/privateer/manifests/v1", "", "", http.StatusTeapot},
		"nobody in particular":           {private, "", "", http.StatusUnauthorized},
		"a wrong password":               {private, privateUser, "wrong", http.StatusUnauthorized},
		"a wrong user":                   {private, "other", privatePassword, http.StatusUnauthorized},
		"who may":                        {private, privateUser, privatePassword, http.StatusTeapot},
		"who may, for a layer": {
			"/v2/windlass-operator/private/testsidecar/blobs/sha256:00", privateUser, privatePassword, http.StatusTeapot,
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodGet, test.path, http.NoBody)
			if test.user != "" {
				request.SetBasicAuth(test.user, test.password)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if diff := cmp.Diff(test.want, answer.Code); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			asked := answer.Header().Get("WWW-Authenticate") != ""
			if diff := cmp.Diff(test.want == http.StatusUnauthorized, asked); diff != "" {
				t.Errorf("asked for credentials (-want +got):\n%s", diff)
			}
		})
	}
}
