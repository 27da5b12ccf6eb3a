// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// guard lets in those who know the token, and nobody whom another web page has sent.
//
// The token is the first part of the path. In a cookie, the browser would send it to every port of 127.0.0.1, and so to
// programs of other people; in a query it would be in the way of queries. From a path it gets nowhere: the pages load
// nothing from elsewhere, link to nothing elsewhere, and name no referrer to others.
type guard struct {
	token string
	// hosts are what the Host header may say: a name of somebody else's that was made to point here (DNS rebinding) is
	// none of them.
	hosts []string
	next  http.Handler
}

// newGuard makes a guard with a token of its own, of 128 bits or more.
func newGuard(address net.Addr, next http.Handler) *guard {
	_, port, _ := net.SplitHostPort(address.String())
	g := &guard{
		token: rand.Text(), next: http.NewCrossOriginProtection().Handler(next),
		hosts: []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("localhost", port)},
	}
	if port == "80" { // which browsers leave out
		g.hosts = append(g.hosts, "127.0.0.1", "localhost")
	}
	return g
}

// base is the path below which everything is.
func (g *guard) base() string { return "/" + g.token + "/" }

// url is what a person opens.
func (g *guard) url() string { return "http://" + g.hosts[0] + g.base() }

// headers go with every answer.
var headers = map[string]string{
	// Only what this server sends itself: no scripts or styles within pages, no frames, no other place to send forms to.
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	if !g.known(r.Host) {
		http.Error(w, "This server answers under 127.0.0.1 alone.", http.StatusMisdirectedRequest)
		return
	}
	token, rest, below := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) != 1 || !below {
		http.Error(w, "Open the URL that kubectl windlass dashboard has printed.", http.StatusNotFound)
		return
	}
	inside := r.Clone(r.Context())
	inside.URL.Path, inside.URL.RawPath = "/"+rest, ""
	g.next.ServeHTTP(w, inside)
}

func (g *guard) known(host string) bool {
	for _, known := range g.hosts {
		if strings.EqualFold(host, known) {
			return true
		}
	}
	return false
}
