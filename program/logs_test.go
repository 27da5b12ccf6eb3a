// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// written collects what is logged, by several goroutines.
type written struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (w *written) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.data.Write(data)
}

func (w *written) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.data.String()
}

// handshakeFails has a server of TLS meet somebody who does not speak it. The server tells the standard logger, as
// those of metrics and webhooks do.
func handshakeFails(t *testing.T, out *written) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config = &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	server.StartTLS()
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	for !strings.Contains(out.text(), "TLS handshake error") {
		if t.Context().Err() != nil {
			t.Fatal("the server logs no failed handshake")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAJSONLogHasNothingButJSONInIt(t *testing.T) {
	t.Cleanup(func() {
		stdlog.SetOutput(os.Stderr)
		klog.ClearLogger()
	})
	out := &written{}
	log, err := (&Options{LogLevel: "info", LogFormat: "json"}).SetUpLogs(out)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-0", errors.New("exceeded quota"))
	for _, said := range []func(){
		func() { stdlog.Print("of the standard logger,\nin two lines") },
		func() { klog.InfoS("of klog", "with", "values") },
		func() { klog.Warningf("a %s of klog", "warning") },
		func() { klog.ErrorS(forbidden, "an error of klog") },
		func() { ctrl.Log.WithName("somebody").Error(forbidden, "a refusal") },
		func() { log.Error(fmt.Errorf("create Pod web-0: %w", forbidden), "ours") },
		func() { handshakeFails(t, out) },
	} {
		before := out.text()
		said()
		klog.Flush()
		if out.text() == before {
			t.Error("something is not logged")
		}
	}
	for line := range strings.Lines(out.text()) {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v in line %q", err, line)
		}
		if _, has := entry["stacktrace"]; has || entry["level"] == nil || entry["msg"] == "" {
			t.Errorf("a stack trace, no level or no message in line %s", line)
		}
	}
}

func TestLogFlags(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"an unknown level":  {Options{LogLevel: "loud", LogFormat: "json"}, "--log-level=loud: must be debug, info or error"},
		"an unknown format": {Options{LogLevel: "info", LogFormat: "xml"}, "--log-format=xml: must be json or text"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := test.options.SetUpLogs(&written{}); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
