// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// serviceAccount is where the kubelet puts what a Pod needs to talk to the API server.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// slice is what is read of an EndpointSlice.
type slice struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Ports []struct {
		Port int `json:"port"`
	} `json:"ports"`
	Endpoints []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready *bool `json:"ready"`
		} `json:"conditions"`
	} `json:"endpoints"`
}

// ready lists the addresses of the slice that take requests, each with the slice's first port.
func (s *slice) ready() (out []string) {
	if len(s.Ports) == 0 {
		return nil
	}
	for _, e := range s.Endpoints {
		// Clients are to take an unknown readiness for true.
		if len(e.Addresses) > 0 && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
			out = append(out, net.JoinHostPort(e.Addresses[0], strconv.Itoa(s.Ports[0].Port)))
		}
	}
	return out
}

// endpoints are the addresses behind a Service, as its EndpointSlices say.
type endpoints struct {
	mu     sync.Mutex
	slices map[string]slice
	ready  []string
	next   int
	// changes is when addresses came and went, for the report.
	changes []change
}

// change is one change of what is ready.
type change struct {
	At    time.Time `json:"at"`
	Ready []string  `json:"ready"`
}

// put takes a slice in, or, if it is gone, out.
func (e *endpoints) put(s slice, gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.slices == nil {
		e.slices = map[string]slice{}
	}
	e.slices[s.Metadata.Name] = s
	if gone {
		delete(e.slices, s.Metadata.Name)
	}
	var ready []string
	for name := range e.slices {
		one := e.slices[name]
		ready = append(ready, one.ready()...)
	}
	slices.Sort(ready)
	ready = slices.Compact(ready)
	if slices.Equal(ready, e.ready) {
		return
	}
	e.ready = ready
	if len(e.changes) < maxReported {
		e.changes = append(e.changes, change{At: time.Now(), Ready: ready})
	}
}

// pick returns the addresses in turn, "" when there is none.
func (e *endpoints) pick() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.ready) == 0 {
		return ""
	}
	e.next++
	return e.ready[e.next%len(e.ready)]
}

// api reads EndpointSlices as the Pod's account.
type api struct {
	client *http.Client
	// slices is the address of those of one Service.
	slices string
	token  string
}

// newAPI finds the API server and the account's token where the kubelet puts them.
func newAPI(service string) (*api, error) {
	var files [3]string
	for i, name := range []string{"token", "ca.crt", "namespace"} {
		data, err := os.ReadFile(serviceAccount + name)
		if err != nil {
			return nil, fmt.Errorf("this works inside of a Pod alone: %w", err)
		}
		files[i] = strings.TrimSpace(string(data))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(files[1])) {
		return nil, fmt.Errorf("%sca.crt holds no certificate", serviceAccount)
	}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	query := url.Values{"labelSelector": {"kubernetes.io/service-name=" + service}}
	return &api{
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
		slices: fmt.Sprintf("https://%s/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices?%s", host, files[2], query.Encode()),
		token:  files[0],
	}, nil
}

// follow keeps the endpoints as the API server says until the context ends. It returns when the watch breaks off.
func (a *api) follow(ctx context.Context, into *endpoints) error {
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []slice `json:"items"`
	}
	body, err := a.get(ctx, a.slices)
	if err != nil {
		return err
	}
	defer body.Body.Close()
	if err := json.NewDecoder(body.Body).Decode(&list); err != nil {
		return fmt.Errorf("read EndpointSlices: %w", err)
	}
	for i := range list.Items {
		into.put(list.Items[i], false)
	}
	watching, err := a.get(ctx, a.slices+"&watch=true&resourceVersion="+list.Metadata.ResourceVersion)
	if err != nil {
		return err
	}
	defer watching.Body.Close()
	return followWatch(json.NewDecoder(watching.Body), into)
}

// followWatch takes in what a watch tells, until it ends.
func followWatch(events *json.Decoder, into *endpoints) error {
	for {
		var event struct {
			Type   string `json:"type"`
			Object slice  `json:"object"`
		}
		if err := events.Decode(&event); err != nil {
			return fmt.Errorf("the watch on EndpointSlices broke off: %w", err)
		}
		if event.Type == "ERROR" {
			return fmt.Errorf("the watch on EndpointSlices is refused")
		}
		into.put(event.Object, event.Type == "DELETED")
	}
}

func (a *api) get(ctx context.Context, address string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for EndpointSlices: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("ask for EndpointSlices: %s", response.Status)
	}
	return response, nil
}
