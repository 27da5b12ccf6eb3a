// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// CanBreakNodes reports whether the cluster is one of ours, whose nodes can be made bad.
func (c *Cluster) CanBreakNodes() bool { return c.Options.Cluster != "" }

// BreakRegistry cuts a real node off from the registry: pulls fail on it from now on.
func (c *Cluster) BreakRegistry(ctx context.Context, node string) error {
	return c.nodeCommand(ctx, "break-registry", node)
}

// TrickleBytesPerSecond is how much of an image a node gets while the registry trickles to it.
const TrickleBytesPerSecond = 1024

// SlowRegistry lets the registry trickle to a real node: pulls begun from now on do not fail there, and those of whole
// programs do not end.
func (c *Cluster) SlowRegistry(ctx context.Context, node string) error {
	return c.nodeCommand(ctx, "slow-registry", node)
}

// FixRegistry undoes BreakRegistry and SlowRegistry.
func (c *Cluster) FixRegistry(ctx context.Context, node string) error {
	return c.nodeCommand(ctx, "fix-registry", node)
}

// PushWebhook puts the webhook's program into the registry of the cluster as an image of its own: a large one that no
// node has pulled, if the reference is new.
func (c *Cluster) PushWebhook(ctx context.Context, reference string) error {
	if c.Options.Registry == "" {
		return errors.New("-registry is not set: it must be the address of the registry that the cluster takes its images from")
	}
	programs, err := c.programs()
	if err != nil {
		return err
	}
	return c.clusterCommand(ctx, "image", "--tag", reference, "--registry", c.Options.Registry, filepath.Join(programs, "webhook"))
}

// PushAttacker builds the program attack and puts it into the registry of the cluster. It returns the image's name.
func (c *Cluster) PushAttacker(ctx context.Context) (string, error) {
	chart, err := c.Options.chartPath()
	if err != nil {
		return "", err
	}
	directory, err := os.MkdirTemp("", "attack")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	program := filepath.Join(directory, "attack")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./attack")
	build.Dir = filepath.Join(filepath.Dir(filepath.Dir(chart)), "e2e")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the image holds nothing else
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the attacker: %w: %s", err, output)
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	image := fmt.Sprintf("ghcr.io/windlass-operator/attack:%x", sha256.Sum256(text))
	return image, c.clusterCommand(ctx, "image", "--tag", image, "--registry", c.Options.Registry, program)
}

func (c *Cluster) nodeCommand(ctx context.Context, command, node string) error {
	if !c.CanBreakNodes() {
		return errors.New("-cluster is not set: it must name the cluster of ours whose nodes may be made bad")
	}
	return c.clusterCommand(ctx, "node", command, node, "--name", c.Options.Cluster)
}

// clusterCommand runs the program that clusters of ours are made with.
func (c *Cluster) clusterCommand(ctx context.Context, args ...string) error {
	programs, err := c.programs()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(programs, "cluster"), args...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, output)
	}
	return nil
}

// programs is the directory of the checkout's programs.
func (c *Cluster) programs() (string, error) {
	chart, err := c.Options.chartPath()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(filepath.Dir(chart)), "bin"), nil
}
