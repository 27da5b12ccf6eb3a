// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/windlass-operator/windlass/cluster/internal/images"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// startRegistry serves the image registry inside the cluster, at one address as it should be and at another as a
// trickle, and puts the ready-made images into it. Private repositories ask for credentials at both.
func startRegistry(c Config) error {
	blobs := c.path("registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	if err := images.SeedBlobs(c.ImagesDir, blobs); err != nil {
		return fmt.Errorf("fill the registry: %w", err)
	}
	handler := guard(registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.New(io.Discard, "", 0))))
	if err := serveRegistry(topology.Registry(), handler); err != nil {
		return err
	}
	if err := serveRegistry(topology.SlowRegistry(), trickle(handler)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return images.PushLayout(ctx, c.ImagesDir, topology.Registry())
}

func serveRegistry(address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	go func() { log.Fatalf("registry at %s: %v", address, server.Serve(listener)) }()
	return nil
}
