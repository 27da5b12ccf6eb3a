// SPDX-License-Identifier: Apache-2.0

package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

// completer completes an argument of a command.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// completeObjects completes objects of some kinds as kind/name: first the kind, then the names that there are.
func (c *cli) completeObjects(kinds ...view.Kind) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		word, _, hasKind := strings.Cut(typed, "/")
		if !hasKind {
			return beginnings(kinds, typed), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		}
		kind, err := view.ParseKind(word, kinds...)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, err := c.cluster(false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names, err := cluster.Names(cmd.Context(), kind)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return endings(word, names, typed, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// subjects are the kinds that own most Pods, by their short names, which are offered first.
var subjects = []string{"pod", "deploy", "sts", "asts", "ds", "rs", "job", "cronjob"}

// completeSubject completes one object that owns Pods, of whatever kind.
func (c *cli) completeSubject(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	word, _, hasKind := strings.Cut(typed, "/")
	switch {
	case len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case !hasKind:
		return beginnings(subjects, typed), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	cluster, err := c.cluster(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := cluster.SubjectNames(cmd.Context(), word)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return endings(word, names, typed, nil), cobra.ShellCompDirectiveNoFileComp
}

// beginnings are the kinds that begin with what was typed.
func beginnings[K ~string](kinds []K, typed string) []string {
	var out []string
	for _, kind := range kinds {
		if strings.HasPrefix(string(kind), typed) {
			out = append(out, string(kind)+"/")
		}
	}
	return out
}

// endings are the objects of a kind that begin with what was typed, but for those that were named already.
func endings(word string, names []string, typed string, args []string) []string {
	var out []string
	for _, name := range names {
		if whole := word + "/" + name; strings.HasPrefix(whole, typed) && !slices.Contains(args, whole) {
			out = append(out, whole)
		}
	}
	return out
}

// completeNamespaces completes the flag -n.
func (c *cli) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cluster, err := c.cluster(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := cluster.Namespaces(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeContexts completes the flag --context.
func completeContexts(flags *genericclioptions.ConfigFlags) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := flags.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for name := range config.Contexts {
			out = append(out, name)
		}
		slices.Sort(out)
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
