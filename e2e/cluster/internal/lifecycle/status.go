package lifecycle

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/windlass-operator/windlass/e2e/cluster/internal/box"
	"github.com/windlass-operator/windlass/e2e/cluster/internal/node"
	"github.com/windlass-operator/windlass/e2e/cluster/internal/state"
	"github.com/windlass-operator/windlass/e2e/cluster/internal/topology"
)

// Environment is what a shell evaluates to use the cluster.
func Environment(record *state.Record) string {
	return fmt.Sprintf("export KUBECONFIG=%s\nexport WINDLASS_REGISTRY=%s\nexport PATH=%s:$PATH\n",
		record.Kubeconfig(), record.Registry(), record.BinDir)
}

// Status writes what is known about the cluster, for people.
func (m *Manager) Status(ctx context.Context, out io.Writer) error {
	record, err := m.Store.Load(m.Name)
	if err != nil {
		return err
	}
	if record == nil {
		fmt.Fprintf(out, "Cluster %q is not up.\n", m.Name)
		return nil
	}
	fmt.Fprintf(out, "Cluster %q: %s\n", m.Name, m.condition(ctx, record))
	fmt.Fprintf(out, "Owner: %s\nStarted: %s\nKUBECONFIG: %s\nRegistry: %s\nState: %s\n\n",
		record.Owner, record.Started.Format(time.RFC3339), record.Kubeconfig(), record.Registry(), record.StateDir)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHERE\tCOMPONENT\tSTATE\tFOR\tRESTARTS\tLAST EXIT")
	where := "control plane"
	for i, file := range statusFiles(record) {
		if i > 0 {
			where = topology.NodeName(i)
		}
		for _, s := range readStatus(file.path) {
			running := "running"
			if !s.Running {
				running = "NOT RUNNING"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", where, s.Name, running,
				time.Since(s.Since).Round(time.Second), s.Restarts, s.LastExit)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for number := 1; number <= record.Nodes; number++ {
		if !node.RegistryReachable(box.NodeDir(record.StateDir, topology.NodeName(number))) {
			fmt.Fprintf(out, "%s is cut off from the registry.\n", topology.NodeName(number))
		}
	}
	return nil
}

// condition is the cluster's state in a few words.
func (m *Manager) condition(ctx context.Context, record *state.Record) string {
	switch {
	case !record.BoxAlive():
		return "dead; `cluster down` or `cluster up` removes what is left"
	case !record.Ready:
		return "coming up"
	}
	client, err := m.client(record)
	if err == nil {
		err = client.Ready(ctx)
	}
	if err != nil {
		return fmt.Sprintf("running, but its API server is not ready: %v", err)
	}
	return "up"
}
