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

	"github.com/windlass-operator/windlass/e2e/cluster/internal/images"
	"github.com/windlass-operator/windlass/e2e/cluster/internal/topology"
)

// startRegistry serves the image registry inside the cluster and puts the ready-made images into it.
func startRegistry(c Config) error {
	blobs := c.path("registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	if err := images.SeedBlobs(c.ImagesDir, blobs); err != nil {
		return fmt.Errorf("fill the registry: %w", err)
	}
	listener, err := net.Listen("tcp", topology.Registry())
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)),
			registry.Logger(log.New(io.Discard, "", 0))),
		ReadHeaderTimeout: 30 * time.Second,
	}
	go func() { log.Fatalf("registry: %v", server.Serve(listener)) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return images.PushLayout(ctx, c.ImagesDir, topology.Registry())
}
