package framework

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// CanBreakNodes tells whether the cluster is one of ours, whose nodes can be made bad.
func (c *Cluster) CanBreakNodes() bool { return c.Options.Cluster != "" }

// BreakRegistry cuts a real node off from the registry: pulls fail on it from now on.
func (c *Cluster) BreakRegistry(ctx context.Context, node string) error {
	return c.nodeCommand(ctx, "break-registry", node)
}

// FixRegistry undoes BreakRegistry.
func (c *Cluster) FixRegistry(ctx context.Context, node string) error {
	return c.nodeCommand(ctx, "fix-registry", node)
}

func (c *Cluster) nodeCommand(ctx context.Context, command, node string) error {
	if !c.CanBreakNodes() {
		return errors.New("-cluster is not set: it must name the cluster of ours whose nodes may be made bad")
	}
	chart, err := c.Options.chartPath()
	if err != nil {
		return err
	}
	program := filepath.Join(filepath.Dir(filepath.Dir(chart)), "bin", "cluster")
	if output, err := exec.CommandContext(ctx, program, "node", command, node, "--name", c.Options.Cluster).CombinedOutput(); err != nil {
		return fmt.Errorf("%s node %s %s --name %s: %w: %s", program, command, node, c.Options.Cluster, err, output)
	}
	return nil
}
