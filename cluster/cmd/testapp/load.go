// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxRate and maxRequests keep a typing error from becoming a flood.
	maxRate     = 1000
	maxRequests = 100000
	// maxInFlight is how many requests may wait for their answers.
	maxInFlight = 500
	// maxReported is how many losses, and how many changes of the endpoints, are told one by one.
	maxReported = 200
	// requestTimeout is how long an answer may take: one that is late, since a machine is busy, is not lost.
	requestTimeout = 30 * time.Second
)

// loss is a request that was not answered with 200.
type loss struct {
	At  time.Time `json:"at"`
	To  string    `json:"to"`
	Why string    `json:"why"`
}

// report is what a load has come to.
type report struct {
	Sent   int    `json:"sent"`
	Lost   int    `json:"lost"`
	Losses []loss `json:"losses"`
	// Changes are those of the endpoints.
	Changes []change `json:"changes"`
}

// load sends requests at a steady rate, each once, and counts those that are lost.
type load struct {
	rate, requests int
	path           string
	client         *http.Client
	// target names HOST:PORT for the next request, "" when there is nobody to send to.
	target func() string

	mu     sync.Mutex
	report report
}

// run sends until the context ends or all requests are sent, and waits for the answers.
func (l *load) run(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	free := make(chan struct{}, maxInFlight)
	ticker := time.NewTicker(time.Second / time.Duration(l.rate))
	defer ticker.Stop()
	for range l.requests {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		free <- struct{}{}
		wait.Go(func() {
			l.send(context.WithoutCancel(ctx))
			<-free
		})
	}
}

// send sends one request, and never again: a POST that has left is not repeated by the client of Go either.
func (l *load) send(ctx context.Context) {
	to := l.target()
	err := errors.New("no endpoint is ready")
	if to != "" {
		err = l.post(ctx, to)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Sent++
	if err == nil {
		return
	}
	l.report.Lost++
	if len(l.report.Losses) < maxReported {
		l.report.Losses = append(l.report.Losses, loss{At: time.Now(), To: to, Why: err.Error()})
	}
}

func (l *load) post(ctx context.Context, to string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to+l.path, strings.NewReader("x"))
	if err != nil {
		return err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// told is the report so far.
func (l *load) told(from *endpoints) report {
	l.mu.Lock()
	out := l.report
	l.mu.Unlock()
	from.mu.Lock()
	out.Changes = from.changes
	from.mu.Unlock()
	return out
}

// loadFromEnv reads what is to be sent, and to whom.
func loadFromEnv() (l *load, service string, err error) {
	rate, err := numberFromEnv("LOAD_RATE", maxRate)
	if err != nil {
		return nil, "", err
	}
	requests, err := numberFromEnv("LOAD_REQUESTS", maxRequests)
	if err != nil {
		return nil, "", err
	}
	service = os.Getenv("LOAD_SERVICE")
	if service == "" {
		return nil, "", errors.New("LOAD_SERVICE is not set: want the name of a Service in this namespace")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: maxInFlight, DisableKeepAlives: os.Getenv("LOAD_KEEPALIVE") == "false"}
	return &load{rate: rate, requests: requests, path: os.Getenv("LOAD_PATH"), client: &http.Client{Transport: transport}}, service, nil
}

// numberFromEnv reads a number from 1 to the most.
func numberFromEnv(name string, most int) (int, error) {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s=%q: want a number from 1 to %d", name, os.Getenv(name), most)
	}
	return n, nil
}

// runLoad sends the load, serves its report at /report, and ends it at /stop, which answers with the last report.
func runLoad(ctx context.Context) (int, error) {
	l, service, err := loadFromEnv()
	if err != nil {
		return 2, err
	}
	behind := &endpoints{}
	if port := os.Getenv("LOAD_PORT"); port != "" {
		l.target = func() string { return service + ":" + port }
	} else if err := followEndpoints(ctx, service, behind); err != nil {
		return 1, err
	} else {
		l.target = behind.pick
	}
	sending, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(sending)
	}()
	answer := func(w http.ResponseWriter) { _ = json.NewEncoder(w).Encode(l.told(behind)) }
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/report", func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	mux.HandleFunc("/stop", func(w http.ResponseWriter, _ *http.Request) {
		stop()
		<-done
		answer(w)
	})
	return serveHandler(ctx, mux, 0)
}

// followEndpoints returns when the first endpoint is there, and follows them until the context ends.
func followEndpoints(ctx context.Context, service string, into *endpoints) error {
	reader, err := newAPI(service)
	if err != nil {
		return err
	}
	go func() {
		for ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "testapp:", reader.follow(ctx, into))
			time.Sleep(time.Second)
		}
	}()
	for into.pick() == "" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}
