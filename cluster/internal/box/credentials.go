// SPDX-License-Identifier: Apache-2.0

package box

import (
	"net/http"
	"slices"
	"strings"
)

// What the registry asks for where the path of a repository has the element "private", as in
// ghcr.io/windlass-operator/private/testsidecar: tests use it, and it protects nothing.
const (
	privateElement  = "private"
	privateUser     = "windlass"
	privatePassword = "sidecars"
)

// guard answers as the handler does, and for private repositories only to those who have the credentials.
func guard(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if isPrivate(r.URL.Path) && (user != privateUser || password != privatePassword) {
			w.Header().Set("WWW-Authenticate", `Basic realm="private images"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func isPrivate(path string) bool { return slices.Contains(strings.Split(path, "/"), privateElement) }
