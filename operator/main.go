// SPDX-License-Identifier: Apache-2.0

// Command operator runs the controllers. Any number of replicas may run; one is elected to work. With probe as its
// first argument it tells instead whether the installation works.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/ledger"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/probe"
	"github.com/windlass-operator/windlass/operator/pullers"
	"github.com/windlass-operator/windlass/operator/readiness"
	"github.com/windlass-operator/windlass/operator/remediation"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/operator/series"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
	"github.com/windlass-operator/windlass/operator/wiring"
	"github.com/windlass-operator/windlass/program"
)

type options struct {
	program.Options
	leaderElect             bool
	leaderElectionNamespace string
	sidecarSetWorkers       int
	statefulSetWorkers      int
	schedPatchWorkers       int
	parallelWrites          int
	imagePreDownload        string
	excludedNamespaces      string
	webhookService          string
	mutating                string
	perObjectMetrics        bool
	metricsCertDir          string
	// namespace is the one that the operator runs in.
	namespace string
}

func parse() options {
	o := options{}
	o.AddFlags(flag.CommandLine)
	flag.BoolVar(&o.leaderElect, "leader-elect", true, "Work only while holding the lease windlass-operator.")
	flag.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", os.Getenv("POD_NAMESPACE"),
		"Namespace of the lease; default: the Pod's own.")
	flag.IntVar(&o.sidecarSetWorkers, "sidecarset-workers", 4, "How many SidecarSets are handled at once.")
	flag.IntVar(&o.statefulSetWorkers, "statefulset-workers", 8, "How many StatefulSets are handled at once.")
	flag.IntVar(&o.schedPatchWorkers, "schedpatch-workers", 4, "How many SchedPatches are handled at once.")
	flag.IntVar(&o.parallelWrites, "parallel-writes", 64, "How many Pods of one StatefulSet are written to at once.")
	flag.StringVar(&o.imagePreDownload, "image-pre-download", string(v1beta1.ImagePreDownloadFirstNode), "Whether nodes pull a new "+
		"image before containers restart with it in place, for sets that say nothing of it: Off, FirstNode or EveryNode.")
	flag.StringVar(&o.excludedNamespaces, "excluded-namespaces", "kube-system,kube-node-lease", "Comma-separated "+
		"namespaces that the Pod webhooks do not serve.")
	flag.StringVar(&o.webhookService, "webhook-service", "windlass-webhook", "Service of the webhooks, in the Pod's "+
		"own namespace. Before auto remediation deletes a Pod, each replica behind it is asked; while none is ready, "+
		"no Pod is evicted for its sidecars.")
	flag.StringVar(&o.mutating, "mutating-webhook-configuration", "windlass", "MutatingWebhookConfiguration with the CA of the webhooks.")
	flag.BoolVar(&o.perObjectMetrics, "per-object-metrics", true, "Serve metrics that have series of their own for each SidecarSet, "+
		"StatefulSet and SchedPatch.")
	flag.StringVar(&o.metricsCertDir, "metrics-cert-dir", "/metrics-certificate", "Directory with the certificate of the metrics, "+
		"tls.crt and tls.key, read whenever somebody connects. It may be filled later.")
	flag.Parse()
	return o
}

func main() {
	ctx := ctrl.SetupSignalHandler()
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		if err := probe.Run(ctx, os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "operator:", err)
			os.Exit(1)
		}
		return
	}
	o := parse()
	if o.ShowVersion {
		fmt.Println(program.Describe("operator"))
		return
	}
	if err := run(ctx, o); err != nil {
		o.Fail("operator", err)
	}
}

// policies are the values of --image-pre-download.
var policies = []v1beta1.ImagePreDownloadPolicy{
	v1beta1.ImagePreDownloadOff, v1beta1.ImagePreDownloadFirstNode, v1beta1.ImagePreDownloadEveryNode,
}

// check returns an error for a flag whose value is not allowed.
func (o *options) check() error {
	if !slices.Contains(policies, v1beta1.ImagePreDownloadPolicy(o.imagePreDownload)) {
		return fmt.Errorf("--image-pre-download is %q; allowed are %q", o.imagePreDownload, policies)
	}
	return o.Check()
}

func run(ctx context.Context, o options) error {
	log, err := o.SetUpLogs(os.Stderr)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	program.ShowBuild("operator")
	series.SetEnabled(o.perObjectMetrics)
	policy, pulls := v1beta1.ImagePreDownloadPolicy(o.imagePreDownload), pullers.NewMemory()
	program.LimitMemory()
	if o.namespace, err = program.Namespace(); err != nil {
		return err
	}
	config, err := o.RestConfig("windlass-operator")
	if err != nil {
		return err
	}
	if answered, err := o.AwaitAPIServer(ctx, config); err != nil || !answered {
		return err
	}
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("set up questions about what the API server serves: %w", err)
	}
	canResize, err := program.ServesResize(ctx, served)
	if err != nil {
		return err
	}
	if err := wiring.IndexPods(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	excluded, taken := strings.Split(o.excludedNamespaces, ","), ledger.New()
	if err := sidecarset.Add(ctx, mgr, sidecarset.Options{
		Workers:            o.sidecarSetWorkers,
		Namespace:          o.namespace,
		ExcludedNamespaces: excluded,
		CanResize:          canResize,
		Ledger:             taken,
		ImagePreDownload:   policy,
		Pulls:              pulls,
		WebhookService:     o.webhookService,
	}); err != nil {
		return fmt.Errorf("start the SidecarSet controller: %w", err)
	}
	if err := readiness.Add(mgr, readiness.Options{Workers: o.sidecarSetWorkers}); err != nil {
		return fmt.Errorf("start the controller of readiness gates: %w", err)
	}
	if err := statefulset.Add(ctx, mgr, statefulset.Options{
		Workers: o.statefulSetWorkers, Parallel: o.parallelWrites, CanResize: canResize, Ledger: taken,
		ImagePreDownload: policy, Pulls: pulls,
		Remediator: remediation.New(loop.Of(mgr), remediation.Options{
			Webhooks:           remediation.Webhooks{Namespace: o.namespace, Service: o.webhookService, Configuration: o.mutating},
			ExcludedNamespaces: excluded, Namespace: o.namespace,
		}),
	}); err != nil {
		return fmt.Errorf("start the StatefulSet controller: %w", err)
	}
	if err := schedpatch.Add(mgr, schedpatch.Options{Workers: o.schedPatchWorkers, ExcludedNamespaces: excluded}); err != nil {
		return fmt.Errorf("start the SchedPatch controller: %w", err)
	}
	log.Info("starting", "version", program.Version)
	return mgr.Start(ctx)
}

func newManager(config *rest.Config, o options) (manager.Manager, error) {
	mgr, err := manager.New(config, manager.Options{
		Scheme:                        program.Scheme(),
		Metrics:                       o.Metrics(program.CertificateIn(o.metricsCertDir)),
		HealthProbeBindAddress:        o.ProbeAddress,
		PprofBindAddress:              o.PprofAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "windlass-operator",
		LeaderElectionNamespace:       o.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		Cache:                         wiring.Cache(),
		Client:                        wiring.Client(),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("alive", healthz.Ping)
}
