// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
)

// Forward makes a Pod's port reachable on 127.0.0.1, through the API server. It returns the address and how to end it.
func (c *Cluster) Forward(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error) {
	request := c.Clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward")
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return "", nil, fmt.Errorf("forward a port of Pod %s/%s: %w", namespace, pod, err)
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, request.URL())
	ready, failed := make(chan struct{}), make(chan error, 1)
	// The forwarder logs as errors that connections end; whoever uses one is told by the connection itself.
	ctx, stop = context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	forwarder, err := portforward.NewOnAddressesWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("forward port %d of Pod %s/%s: %w", port, namespace, pod, err)
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case err := <-failed:
		stop()
		return "", nil, fmt.Errorf("forward port %d of Pod %s/%s: %w", port, namespace, pod, err)
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("forward port %d of Pod %s/%s: %w", port, namespace, pod, err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), stop, nil
}
