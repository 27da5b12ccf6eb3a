// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"errors"
	"flag"
)

// Options say which cluster to use, and what to install in it.
type Options struct {
	// Kubeconfig is the file that names the cluster. It has no default: a cluster is only ever used on purpose.
	Kubeconfig string
	// Registry is HOST:PORT of a registry that the cluster takes all its images from, as it is reached from here.
	// Empty: the cluster pulls from where the images' names point to.
	Registry string
	// Image replaces the chart's image. Empty: the chart's own.
	Image string
	// Namespace is that of the release.
	Namespace string
	// Cluster names the cluster, if it is one that bin/cluster brought up: its nodes can be made bad. Empty: specs that
	// need that are skipped.
	Cluster string
	// AuditLog is the audit log of the API server, if bin/cluster brought it up. Empty: specs that need it are skipped.
	AuditLog string
	// Chart is the chart's directory or archive. Empty: charts/windlass of the checkout around the working directory.
	Chart string
}

// AddFlags declares the options as flags.
func (o *Options) AddFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster to use (required)")
	flags.StringVar(&o.Registry, "registry", "", "HOST:PORT of the registry that the cluster takes its images from, for checking that they are there")
	flags.StringVar(&o.Image, "image", "", "image to install instead of the chart's own")
	flags.StringVar(&o.Namespace, "namespace", "windlass-system", "namespace of the release")
	flags.StringVar(&o.Cluster, "cluster", "", "name of the cluster, if bin/cluster brought it up, for specs that make its nodes bad")
	flags.StringVar(&o.AuditLog, "audit-log", "", "audit log of the API server, if bin/cluster brought the cluster up, for specs that count writes")
	flags.StringVar(&o.Chart, "chart", "", "chart to install (default: charts/windlass of this checkout)")
}

// Validate says what is missing.
func (o *Options) Validate() error {
	if o.Kubeconfig == "" {
		return errors.New("-kubeconfig is not set: it must name the kubeconfig file of the cluster to use, which is never guessed from the environment")
	}
	if o.Namespace == "" {
		return errors.New("-namespace is empty: it must name the namespace to install the release in")
	}
	return nil
}
