// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
)

// Asker asks the webhooks whether they apply a SchedPatch as it is. It never fails: who does not answer does not serve.
type Asker interface {
	Ask(ctx context.Context, patch *v1alpha1.SchedPatch) *Answer
}

// Webhooks says where the replicas of the webhook are, and how they prove that they are.
type Webhooks struct {
	// Namespace and Service are those of the webhook's Service.
	Namespace, Service string
	// Configuration names the MutatingWebhookConfiguration with the CA of their certificate.
	Configuration string
}

const (
	// askTimeout is how long a replica has to answer.
	askTimeout = 2 * time.Second
	// portName is the port of the Service that admission is served on.
	portName = "webhook"
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 64 << 10
)

// replicas asks every ready replica of the webhook itself, since the API server may send the next Pod to any of them.
type replicas struct {
	// live asks the API server: what is cached may be older than a replica.
	live client.Reader
	at   Webhooks
}

var _ Asker = &replicas{}

// Ask answers what the first replica says that does not serve the SchedPatch.
func (r *replicas) Ask(ctx context.Context, patch *v1alpha1.SchedPatch) *Answer {
	answer := &Answer{UID: patch.UID, Generation: patch.Generation}
	if err := r.askAll(ctx, patch); err != nil {
		answer.Missing = err.Error()
	}
	return answer
}

// askAll returns why the first replica does not serve it that does not, nil when all do.
func (r *replicas) askAll(ctx context.Context, patch *v1alpha1.SchedPatch) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	addresses, err := r.addresses(ctx)
	if err != nil {
		return err
	}
	http, err := r.client(ctx)
	if err != nil {
		return err
	}
	defer http.CloseIdleConnections()
	errs := make([]error, len(addresses))
	var wait sync.WaitGroup
	for i, address := range addresses {
		wait.Go(func() { errs[i] = askOne(ctx, http, address, patch) })
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("the replica at %s: %w", addresses[i], err)
		}
	}
	return nil
}

// addresses are those of all ready replicas, each once.
func (r *replicas) addresses(ctx context.Context) ([]string, error) {
	list := &discoveryv1.EndpointSliceList{}
	err := r.live.List(ctx, list, client.InNamespace(r.at.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: r.at.Service})
	if err != nil {
		return nil, fmt.Errorf("list the endpoints of Service %s/%s: %w", r.at.Namespace, r.at.Service, err)
	}
	found := map[string]string{}
	for i := range list.Items {
		slice := &list.Items[i]
		port := portOf(slice)
		for j := range slice.Endpoints {
			endpoint := &slice.Endpoints[j]
			if port == 0 || !ptr.Deref(endpoint.Conditions.Ready, true) || len(endpoint.Addresses) == 0 {
				continue
			}
			replica := endpoint.Addresses[0]
			if endpoint.TargetRef != nil { // with two address families each Pod is listed twice
				replica = string(endpoint.TargetRef.UID)
			}
			if _, known := found[replica]; !known {
				found[replica] = net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(port)))
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the Service %s/%s of the webhook has no ready replica", r.at.Namespace, r.at.Service)
	}
	out := make([]string, 0, len(found))
	for _, address := range found {
		out = append(out, address)
	}
	slices.Sort(out)
	return out, nil
}

func portOf(slice *discoveryv1.EndpointSlice) int32 {
	for i := range slice.Ports {
		if ptr.Deref(slice.Ports[i].Name, "") == portName {
			return ptr.Deref(slice.Ports[i].Port, 0)
		}
	}
	return 0
}

// client trusts what the API server trusts of the webhooks.
func (r *replicas) client(ctx context.Context) (*http.Client, error) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := r.live.Get(ctx, client.ObjectKey{Name: r.at.Configuration}, configuration); err != nil {
		return nil, fmt.Errorf("read the CA of the webhooks: %w", err)
	}
	trusted := x509.NewCertPool()
	known := false
	for i := range configuration.Webhooks {
		known = trusted.AppendCertsFromPEM(configuration.Webhooks[i].ClientConfig.CABundle) || known
	}
	if !known {
		return nil, fmt.Errorf("MutatingWebhookConfiguration %s has no CA yet", r.at.Configuration)
	}
	return &http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: fmt.Sprintf("%s.%s.svc", r.at.Service, r.at.Namespace),
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// askOne reports whether one replica applies the SchedPatch as it is.
func askOne(ctx context.Context, client *http.Client, address string, patch *v1alpha1.SchedPatch) error {
	url := "https://" + address + schedpatch.ServedPath + patch.Namespace + "/" + patch.Name
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return errors.Unwrap(err) // without method and address, which are known
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	served := schedpatch.Served{}
	if err := json.Unmarshal(body, &served); err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	if served.UID != patch.UID || served.Generation != patch.Generation {
		return fmt.Errorf("it applies generation %d and not %d yet", served.Generation, patch.Generation)
	}
	return nil
}
