// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/windlass-operator/windlass/cli/internal/dashboard"
)

type dashboardOptions struct {
	historyFlags
	port           int
	readOnly, open bool
}

func (c *cli) dashboardCommand() *cobra.Command {
	o := &dashboardOptions{}
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Web pages, on this machine alone, of how rollouts stand",
		Long: "Web pages of how rollouts stand, which stay up to date: a table of all, and for each object its Pods by revision and zone, what " +
			"blocks them, why they have no sidecars, and the history with what going back would change; buttons pause, resume and undo.\n\n" +
			"They are served on 127.0.0.1 to those who have the URL that is printed, and with your own rights: nothing runs in the cluster. " +
			"Objects of all namespaces are shown, or of the one that -n names. It ends with ctrl-C.",
		Example: "  kubectl windlass dashboard --open\n  kubectl windlass dashboard -n shop --read-only --port 8080",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.dashboard(cmd.Context(), o, cmd.InheritedFlags()) },
	}
	o.add(cmd)
	cmd.Flags().IntVar(&o.port, "port", 0, "The port on 127.0.0.1 to listen on; 0 takes a free one.")
	cmd.Flags().BoolVar(&o.readOnly, "read-only", false, "Without buttons: nothing can be changed.")
	cmd.Flags().BoolVar(&o.open, "open", false, "Open it in a browser.")
	return cmd
}

const highestPort = 65535

func (c *cli) dashboard(ctx context.Context, o *dashboardOptions, given *pflag.FlagSet) error {
	if o.port < 0 || o.port > highestPort {
		return usage("--port=%d: must be from 0 to %d", o.port, highestPort)
	}
	loader := c.flags.ToRawKubeConfigLoader()
	namespace, _, err := loader.Namespace()
	if err != nil {
		return err
	}
	listener, err := dashboard.Listen(o.port)
	if err != nil {
		return err
	}
	defer listener.Close()
	source, err := c.Watch(ctx, c.flags, namespace)
	if err != nil {
		return err
	}
	options := dashboard.Options{
		OperatorNamespace: o.operatorNamespace, ReadOnly: o.readOnly, Flags: sameCluster(given), Now: c.Now,
		Context: whereabouts(c.flags, currentContext(loader)),
	}
	if given.Changed("namespace") {
		options.Namespace = namespace
	}
	handler, url := dashboard.Handler(listener.Addr(), source, options)
	c.say("%s", url)
	c.say("Whoever has this URL can see what you can see%s. It ends with ctrl-C.", may(o.readOnly))
	if o.open {
		leads, err := leadTo(url, c.Open)
		if err != nil {
			c.warn(fmt.Errorf("no browser was opened: %w", err))
		}
		defer leads()
	}
	return dashboard.Serve(ctx, listener, handler)
}

// currentContext is the context of the configuration, "" where there is none.
func currentContext(loader clientcmd.ClientConfig) string {
	config, err := loader.RawConfig()
	if err != nil {
		return ""
	}
	return config.CurrentContext
}

// whereabouts say to which cluster requests go and as whom, as far as flags take that from elsewhere than the context: a
// server stands for its cluster, and a cluster for the context's.
func whereabouts(flags *genericclioptions.ConfigFlags, current string) string {
	out := cmp.Or(*flags.Context, current)
	switch {
	case *flags.APIServer != "":
		out = "server " + *flags.APIServer
	case *flags.ClusterName != "":
		out = "cluster " + *flags.ClusterName
	}
	if *flags.AuthInfoName != "" {
		out += ", user " + *flags.AuthInfoName
	}
	if *flags.Impersonate != "" {
		out += ", as " + *flags.Impersonate
	}
	return strings.TrimPrefix(out, ", ")
}

func may(readOnly bool) string {
	if readOnly {
		return ""
	}
	return ", and pause, resume and undo what you can"
}

// clusterFlags are those that say which cluster, and as whom. What they are given is no secret.
var clusterFlags = []string{
	"kubeconfig", "context", "cluster", "server", "certificate-authority", "tls-server-name", "insecure-skip-tls-verify", "proxy-url",
	"user", "client-certificate", "client-key", "as", "as-group", "as-uid", "as-user-extra",
}

// sameCluster are the flags that another command needs for the same cluster, with a blank before each.
func sameCluster(given *pflag.FlagSet) string {
	var out strings.Builder
	given.VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed || !slices.Contains(clusterFlags, flag.Name) {
			return
		}
		values := []string{flag.Value.String()}
		if several, is := flag.Value.(pflag.SliceValue); is {
			values = several.GetSlice()
		}
		between := " "
		if flag.NoOptDefVal != "" { // the next word is none of its own
			between = "="
		}
		for _, value := range values {
			fmt.Fprintf(&out, " --%s%s%s", flag.Name, between, quoted(value))
		}
	})
	return out.String()
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
