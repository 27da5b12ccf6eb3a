// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/box"
	"github.com/windlass-operator/windlass/cluster/internal/node"
	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// Environment is what a shell evaluates to use the cluster.
func Environment(record *state.Record) string {
	return fmt.Sprintf("export KUBECONFIG=%s\nexport WINDLASS_REGISTRY=%s\nexport WINDLASS_AUDIT_LOG=%s\nexport WINDLASS_BOX_PID=%d\nexport PATH=%s:$PATH\n",
		record.Kubeconfig(), record.Registry(), box.AuditLog(record.StateDir), record.BoxPID, record.BinDir)
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
	if err := writeComponents(out, record); err != nil {
		return err
	}
	for number := 1; number <= record.Nodes; number++ {
		if access := node.Registry(box.NodeDir(record.StateDir, topology.NodeName(number))); access != node.RegistryWell {
			fmt.Fprintf(out, "%s %s.\n", topology.NodeName(number), access)
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

// writeComponents writes a table of everything that ought to run. A node that is off says nothing about its daemons,
// and what it last said is not true any more.
func writeComponents(out io.Writer, record *state.Record) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHERE\tCOMPONENT\tSTATE\tFOR\tRESTARTS\tLAST EXIT")
	on := map[string]bool{}
	for i, file := range statusFiles(record) {
		where := "control plane"
		if i > 0 {
			where = topology.NodeName(i)
		}
		for _, s := range readStatus(file.path) {
			on[s.Name] = s.Running
			running := s.Running && (i == 0 || on[where])
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", where, s.Name, describe(running, s.Stopped),
				time.Since(s.Since).Round(time.Second), s.Restarts, s.LastExit)
		}
	}
	return table.Flush()
}

func describe(running, stopped bool) string {
	switch {
	case running:
		return "running"
	case stopped:
		return "stopped"
	default:
		return "NOT RUNNING"
	}
}
