// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a real Kubernetes on one machine, built from Go modules: etcd, control plane, CoreDNS, an image
// registry, real nodes (kubelet, containerd, runc, CNI, kube-proxy) and simulated ones. It needs no container engine.
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/windlass-operator/windlass/cluster/internal/cli"
)

// sources are what the binaries are built from; they name the cache directory, also where there is no checkout.
//
//go:embed go.mod go.sum cmd
var sources embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := cli.New(sources).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
