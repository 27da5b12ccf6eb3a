// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/discovery"
)

// traffic stands between the operator and the API server: it delays what the operator hears of one resource, so that
// its cache is stale, and counts the answers to its creations, those that only ask left out.
type traffic struct {
	next  http.RoundTripper
	slow  string
	delay time.Duration

	mu      sync.Mutex
	answers map[string]int
}

// slowWatch delays all news of a resource.
func slowWatch(resource string, delay time.Duration) *traffic {
	return &traffic{slow: "/" + resource, delay: delay, answers: map[string]int{}}
}

// between is for startOperator.
func (t *traffic) between(next http.RoundTripper) http.RoundTripper {
	t.next = next
	return t
}

// RoundTrip passes a request on.
func (t *traffic) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if request.URL.Query().Get("watch") == "true" && strings.HasSuffix(request.URL.Path, t.slow) {
		response.Body = newSlowBody(response.Body, t.delay)
	}
	if request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/pods") && request.URL.Query().Get("dryRun") == "" {
		t.mu.Lock()
		t.answers[http.StatusText(response.StatusCode)]++
		t.mu.Unlock()
	}
	return response, nil
}

// created is how the API server answered the creations of Pods.
func (t *traffic) created() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]int{}
	for answer, count := range t.answers {
		out[answer] = count
	}
	return out
}

// slowBody hands everything over some time after it came, and in its order.
type slowBody struct {
	io.ReadCloser
	late *io.PipeReader
}

type chunk struct {
	due  time.Time
	data []byte
	err  error
}

func newSlowBody(body io.ReadCloser, delay time.Duration) *slowBody {
	late, out := io.Pipe()
	chunks := make(chan chunk, 1024)
	go func() {
		defer close(chunks)
		for err := error(nil); err == nil; {
			buffer := make([]byte, 64<<10)
			var n int
			n, err = body.Read(buffer)
			chunks <- chunk{time.Now().Add(delay), buffer[:n], err}
		}
	}()
	go func() {
		for c := range chunks { // after the reader has gone, only to let the other end
			time.Sleep(time.Until(c.due))
			_, _ = out.Write(c.data)
			if c.err != nil {
				_ = out.CloseWithError(c.err)
			}
		}
	}()
	return &slowBody{body, late}
}

func (b *slowBody) Read(into []byte) (int, error) { return b.late.Read(into) }

func (b *slowBody) Close() error {
	_ = b.late.Close()
	return b.ReadCloser.Close()
}

var requests = regexp.MustCompile(`^apiserver_request_total\{.*,resource="([^"]*)",.*subresource="([^"]*)",.*verb="(POST|PUT|PATCH|DELETE|APPLY|DELETECOLLECTION)".*\} (\S+)$`)

// writes counts, by the API server's own metrics, all that was written to it by anybody. The leases by which API
// servers know each other are left out.
func writes(ctx context.Context) map[string]int {
	GinkgoHelper()
	client, err := discovery.NewDiscoveryClientForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	text, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	out := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if found := requests.FindStringSubmatch(strings.TrimSpace(line)); len(found) > 0 && found[1] != "leases" {
			count, err := strconv.ParseFloat(found[4], 64)
			Expect(err).NotTo(HaveOccurred())
			out[fmt.Sprintf("%s %s/%s", found[3], found[1], found[2])] += int(count)
		}
	}
	return out
}
