// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// retryAfter is how many seconds a client is asked to wait that is answered 503. API servers do so and call again, as
// long as timeoutSeconds allows.
const retryAfter = 1

// reviews lets requests through to a handler as far as the limits allow.
type reviews struct {
	limits                     Limits
	largeBodies                *gate
	smallReviews, largeReviews *gate
	// clients say who may call; nil for everybody.
	clients *Clients
}

func newReviews(limits Limits, clients *Clients) *reviews {
	small := func(capacity int64) *gate { return newGate(capacity, limits.SmallWaiting, limits.Wait) }
	large := func(capacity int64) *gate { return newGate(capacity, limits.LargeWaiting, limits.Wait) }
	return &reviews{
		limits: limits, clients: clients,
		largeBodies:  large(limits.LargeBodies),
		smallReviews: small(limits.SmallReviews), largeReviews: large(limits.LargeReviews),
	}
}

// guard wraps the handler of a path. Where only API servers may ask, a trusted client certificate is demanded, if any
// are.
func (v *reviews) guard(next http.Handler, onlyAPIServers bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connectionOf(r.Context())
		c.begin()
		var answer *answer
		err := v.allow(r, onlyAPIServers)
		if err == nil {
			answer, err = v.serve(w, r, c, next)
		}
		if err != nil {
			answer = refuse(err)
		}
		if !c.await(err == nil, answer.body.Cap()) {
			closedConnections.WithLabelValues(closedRefused).Inc()
			_ = c.Close() // it may be closed already
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(v.limits.AnswerTime)) // a connection without one is closed already
		answer.send(w)
	})
}

func (v *reviews) allow(r *http.Request, onlyAPIServers bool) error {
	if !onlyAPIServers || v.clients == nil {
		return nil
	}
	if err := v.clients.check(r.TLS, time.Now()); err != nil {
		return &refusal{http.StatusForbidden, refusedClient, err}
	}
	return nil
}

// serve reads a body and has it answered, in as much memory as there is. The answer is kept until everything is given
// back: a peer that does not read it holds up nobody else.
func (v *reviews) serve(w http.ResponseWriter, r *http.Request, c *connection, next http.Handler) (*answer, error) {
	body, leave, err := v.read(w, r, c)
	if err != nil {
		return nil, err
	}
	defer leave()
	found := scan(body)
	if err := found.check(v.limits); err != nil {
		return nil, &refusal{http.StatusRequestEntityTooLarge, refusedLarge, err}
	}
	memory := found.memory(int64(len(body)))
	done, err := v.reviewGate(memory).enter(r.Context(), c.source, memory)
	if err != nil {
		return nil, busy(err)
	}
	defer done()
	c.work()
	return run(next, r, body), nil
}

// read takes in the whole body. What it takes of the bytes in flight is given back by leave.
func (v *reviews) read(w http.ResponseWriter, r *http.Request, c *connection) (body []byte, leave func(), err error) {
	size := r.ContentLength
	if size < 0 { // sent in chunks
		size = v.limits.Body
	}
	if size > v.limits.Body {
		drain(r.Body, size-v.limits.Body, v.limits.Body)
		return nil, nil, tooLarge(v.limits.Body)
	}
	leave = func() {}
	// A small body waits for nobody: whoever sends one slowly holds a connection, which is taken from him when others
	// need its memory.
	switch {
	case size > v.limits.SmallBody:
		c.wait()
		if leave, err = v.largeBodies.enter(r.Context(), c.source, size); err != nil {
			return nil, nil, busy(err)
		}
		c.begin()
	case !c.expect(size):
		return nil, nil, busy(errBusy)
	}
	body, err = readAll(http.MaxBytesReader(w, r.Body, v.limits.Body), r.ContentLength)
	if err != nil {
		drain(r.Body, 0, 0)
		leave()
		return nil, nil, unread(err, v.limits)
	}
	c.wait()
	_ = c.SetReadDeadline(time.Time{}) // or it would end the context of a handler that takes longer
	return body, leave, nil
}

// drain reads on, into nothing, where little more than is allowed is to come: a client that still sends may not see an
// answer.
func drain(body io.Reader, beyond, rest int64) {
	const little = mib
	if beyond <= little {
		_, _ = io.CopyN(io.Discard, body, rest+little)
	}
}

// readAll reads into no more memory than the size that was announced, if it was.
func readAll(from io.Reader, announced int64) ([]byte, error) {
	if announced < 0 {
		return io.ReadAll(from)
	}
	body := make([]byte, announced)
	_, err := io.ReadFull(from, body)
	return body, err
}

func (v *reviews) reviewGate(memory int64) *gate {
	if memory <= v.limits.SmallMemory {
		return v.smallReviews
	}
	return v.largeReviews
}

// refusal is a request that no handler sees.
type refusal struct {
	code   int
	reason string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }

func busy(err error) error {
	return &refusal{http.StatusServiceUnavailable, refusedBusy, err}
}

func tooLarge(most int64) error {
	return &refusal{http.StatusRequestEntityTooLarge, refusedLarge,
		fmt.Errorf("the body is larger than %d bytes; no object that can be stored needs more", most)}
}

// unread tells why a body could not be read.
func unread(err error, limits Limits) error {
	large := &http.MaxBytesError{}
	if errors.As(err, &large) {
		return tooLarge(limits.Body)
	}
	return &refusal{http.StatusRequestTimeout, refusedSlow, fmt.Errorf("the body did not come as announced within %s: %w",
		limits.BodyTime, err)}
}

// answer is a response that is complete before any of it is sent.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

// WriteHeader takes the first status.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) send(w http.ResponseWriter) {
	for key, values := range a.header {
		w.Header()[key] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body.Bytes()) //nolint:gosec // JSON for an API server; and there is nobody left to tell of an error
}

// refuse answers with a Status, which API servers show to whoever made the request. The connection is closed: what is
// still to come on it is not read, and the next call may reach another replica.
func refuse(err error) *answer {
	why := &refusal{}
	if !errors.As(err, &why) {
		why = &refusal{http.StatusInternalServerError, refusedBusy, err}
	}
	refusedRequests.WithLabelValues(why.reason).Inc()
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(why.code), Reason: reasonOf(why.code), Message: "windlass: " + why.Error(),
	}
	a := &answer{code: why.code, header: http.Header{"Content-Type": {"application/json"}, "Connection": {"close"}}}
	if why.code == http.StatusServiceUnavailable {
		a.header.Set("Retry-After", strconv.Itoa(retryAfter))
		status.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	}
	_ = json.NewEncoder(&a.body).Encode(status) // a Status can always be written
	return a
}

func reasonOf(code int) metav1.StatusReason {
	switch code {
	case http.StatusForbidden:
		return metav1.StatusReasonForbidden
	case http.StatusRequestEntityTooLarge:
		return metav1.StatusReasonRequestEntityTooLarge
	case http.StatusServiceUnavailable:
		return metav1.StatusReasonServiceUnavailable
	default:
		return metav1.StatusReasonTimeout
	}
}

type connectionKey struct{}

// connectionOf is the connection that a request came on.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}
