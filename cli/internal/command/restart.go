// SPDX-License-Identifier: Apache-2.0

package command

import (
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

func (c *cli) restartCommand() *cobra.Command {
	return c.changeCommand(&cobra.Command{
		Use:   "restart asts/NAME ...",
		Short: "Have all Pods of StatefulSets created anew",
		Long: "Have all Pods of StatefulSets of apps.kruise.io created anew, as kubectl rollout restart does for those of apps: " +
			"within maxUnavailable, claims stay. A SidecarSet cannot be restarted; it is said what to do instead.",
	}, func(t *view.Target) (view.Change, error) { return t.Restart(metav1.NewTime(c.Now())) })
}
