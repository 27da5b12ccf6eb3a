// SPDX-License-Identifier: Apache-2.0

// Package program holds what the operator's and the webhook's main programs share: flags for logs, metrics, probes,
// profiles and the API client, and the scheme.
package program

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Options are the flags that both programs have.
type Options struct {
	// MetricsAddress and ProbeAddress are where metrics and probes are served.
	MetricsAddress, ProbeAddress string
	// MetricsSecure serves metrics over TLS, and only to those whom the API server lets read them.
	MetricsSecure bool
	// PprofAddress is where profiles are served; 0 or nothing: nowhere.
	PprofAddress string
	// LogLevel is debug, info or error; LogFormat json or text.
	LogLevel, LogFormat string
	// QPS and Burst limit the requests to the API server. QPS 0 or less: no limit.
	QPS   float64
	Burst int
	// ShowVersion asks for nothing but the version.
	ShowVersion bool
}

// AddFlags declares the flags with their defaults.
func (o *Options) AddFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8080", "Address that Prometheus metrics are served on; 0 turns them off.")
	flags.BoolVar(&o.MetricsSecure, "metrics-secure", false, "Serve metrics over TLS, and only to whoever shows a token that the API server "+
		"knows and lets get the path /metrics.")
	flags.StringVar(&o.ProbeAddress, "health-probe-bind-address", ":8081", "Address that /healthz and /readyz are served on.")
	flags.StringVar(&o.PprofAddress, "pprof-bind-address", "0", "Loopback address that profiles are served on, such as 127.0.0.1:6060; "+
		"0, the default, for none.")
	flags.StringVar(&o.LogLevel, "log-level", "info", "What to log: debug, info or error.")
	flags.StringVar(&o.LogFormat, "log-format", "json", "How to log: json, a line each, or text.")
	flags.Float64Var(&o.QPS, "kube-api-qps", 50, "Requests per second to the API server, on average; 0 for no limit.")
	flags.IntVar(&o.Burst, "kube-api-burst", 100, "Requests to the API server at once, above the average.")
	flags.BoolVar(&o.ShowVersion, "version", false, "Print the version and exit.")
}

// RestConfig is how to reach the API server: KUBECONFIG, the Pod's service account, or the user's own configuration, in
// this order.
func (o *Options) RestConfig(userAgent string) (*rest.Config, error) {
	cfg, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	cfg.QPS, cfg.Burst = float32(o.QPS), o.Burst
	if o.QPS <= 0 {
		cfg.QPS = -1
	}
	cfg.UserAgent = userAgent + "/" + Version
	return cfg, nil
}

// Scheme knows the built-in kinds and ours.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(v1beta1.AddToScheme(scheme))
	return scheme
}

// Namespace is the one that the program runs in.
func Namespace() (string, error) {
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		return "", fmt.Errorf("environment variable POD_NAMESPACE is not set: it must name the namespace this program runs in")
	}
	return namespace, nil
}
