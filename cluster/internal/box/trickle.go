// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"net/http"
	"time"
)

const (
	// drop is how many bytes come at once, with dripPause between them: 1 KiB a second. Manifests are there in a
	// moment, layers of programs take hours, and no client takes the connection for a dead one.
	drop      = 256
	dripPause = 250 * time.Millisecond
)

// trickle answers as the handler does, a drop at a time.
func trickle(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(&tap{ResponseWriter: w, gone: r.Context()}, r)
	})
}

// tap is a ResponseWriter that drips until the client is gone.
type tap struct {
	http.ResponseWriter

	gone context.Context
}

// Write returns the context's error when the client has left.
func (t *tap) Write(data []byte) (written int, err error) {
	for len(data) > 0 {
		n, err := t.ResponseWriter.Write(data[:min(drop, len(data))])
		written += n
		if err == nil {
			err = http.NewResponseController(t.ResponseWriter).Flush()
		}
		if err != nil {
			return written, err
		}
		if data = data[n:]; len(data) == 0 {
			break
		}
		select {
		case <-t.gone.Done():
			return written, t.gone.Err()
		case <-time.After(dripPause):
		}
	}
	return written, nil
}
