// SPDX-License-Identifier: Apache-2.0

// Command webhook serves admission. Every replica serves; none is elected.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/certs"
	"github.com/windlass-operator/windlass/webhook/freshness"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
	"github.com/windlass-operator/windlass/webhook/serve"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
	"github.com/windlass-operator/windlass/webhook/versions"
)

type options struct {
	program.Options
	port                 int
	certProvider         string
	selfSecret           string
	certManagerSecret    string
	certificate          string
	service              string
	mutating, validating string
	caValidity           time.Duration
	certValidity         time.Duration
	rotateBefore         time.Duration
	checkInterval        time.Duration
	policyFile           string
	patchRulesFile       string
	excludedNamespaces   string
	allowedTolerations   string
	clientCAFile         string
	clientNames          string
	allowOptOut          bool
	imageMirrors         string
}

func parse() options {
	o := options{}
	o.AddFlags(flag.CommandLine)
	flag.IntVar(&o.port, "port", 9443, "Port that the API server calls.")
	flag.StringVar(&o.certProvider, "cert-provider", "self", "Who makes the certificates: self or cert-manager. The "+
		"Secrets of both are watched, so that one can take over from the other.")
	flag.StringVar(&o.selfSecret, "cert-secret-name", "windlass-webhook-self-cert",
		"Secret with the certificates of the provider self, in the Pod's namespace.")
	flag.StringVar(&o.certManagerSecret, "cert-manager-secret-name", "windlass-webhook-tls",
		"Secret with the certificates of the provider cert-manager, in the Pod's namespace.")
	flag.StringVar(&o.certificate, "cert-manager-certificate", "windlass-webhook",
		"Certificate that cert-manager fills its Secret for, in the Pod's namespace.")
	flag.StringVar(&o.service, "service-name", "windlass-webhook", "Service that the API server calls, in the Pod's namespace.")
	flag.StringVar(&o.mutating, "mutating-webhook-configuration", "windlass-mutating", "MutatingWebhookConfiguration that carries the CA.")
	flag.StringVar(&o.validating, "validating-webhook-configuration", "windlass-validating",
		"ValidatingWebhookConfiguration that carries the CA.")
	flag.DurationVar(&o.caValidity, "ca-validity", 87600*time.Hour, "How long a new CA lasts, with the provider self.")
	flag.DurationVar(&o.certValidity, "cert-validity", 8760*time.Hour, "How long a new certificate lasts, with the provider self.")
	flag.DurationVar(&o.rotateBefore, "cert-rotate-before", 2160*time.Hour,
		"How long before their end CA and certificate are replaced, with the provider self.")
	flag.DurationVar(&o.checkInterval, "cert-check-interval", 12*time.Hour,
		"How often to see whether they have to be replaced, with the provider self.")
	flag.StringVar(&o.policyFile, "policy-file", "", "File of what SidecarSets may inject (YAML or JSON), read again "+
		"whenever it changes. Without one, all that is not allowed is only warned of.")
	flag.StringVar(&o.patchRulesFile, "patch-rules-file", "", "File of the rules for annotations of Pods that "+
		"SidecarSets may patch (JSON), read again whenever it changes. It need not exist.")
	flag.StringVar(&o.excludedNamespaces, "excluded-namespaces", "kube-system,kube-node-lease",
		"Comma-separated namespaces that the Pod webhooks do not serve.")
	flag.StringVar(&o.allowedTolerations, "allowed-tolerations", "", "Comma-separated keys of taints that SchedPatches "+
		"may tolerate although they are refused by default: those of the control plane, or * for tolerations without a key.")
	flag.StringVar(&o.clientCAFile, "client-ca-file", "", "File of CAs in PEM, read again whenever it changes. With one, "+
		"only who shows a client certificate of theirs may ask for reviews.")
	flag.StringVar(&o.clientNames, "client-names", "", "Comma-separated common names or DNS names of client certificates "+
		"that may ask for reviews. Default: every name that the CAs have signed.")
	flag.StringVar(&o.imageMirrors, "enforced-image-mirrors", "", "Comma-separated beginnings of images, such as "+
		"registry.example/mirror: other webhooks may have the images of sidecars pulled from there also where injection is enforced.")
	flag.BoolVar(&o.allowOptOut, "enforced-allow-opt-out", false,
		"Whether a Pod can opt out of its sidecars also where injection is enforced.")
	flag.Parse()
	return o
}

func main() {
	o := parse()
	if o.ShowVersion {
		fmt.Println(program.Describe("webhook"))
		return
	}
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		o.Fail("webhook", err)
	}
}

func run(ctx context.Context, o options) error {
	log, err := o.SetUpLogs(os.Stderr)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return err
	}
	program.ShowBuild("webhook")
	config, err := o.RestConfig("windlass-webhook")
	if err != nil {
		return err
	}
	if answered, err := o.AwaitAPIServer(ctx, config); err != nil || !answered {
		return err
	}
	serving, err := newServing(o)
	if err != nil {
		return err
	}
	mgr, err := newManager(config, o, serving.source)
	if err != nil {
		return err
	}
	sets, err := sidecarset.Follow(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	recorded, err := versions.Follow(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	scheduling, err := serveSchedPatches(ctx, mgr, o)
	if err != nil {
		return err
	}
	fresh, err := newFresh(config, sets)
	if err != nil {
		return err
	}
	servePods(mgr, o, sets, recorded, scheduling, fresh)
	if err := errors.Join(
		serveSidecarSets(mgr, o, sets.Stored, recorded), serveStatefulSets(ctx, mgr), serving.add(mgr, o), addChecks(mgr, sets, recorded),
	); err != nil {
		return err
	}
	log.Info("starting", "version", program.Version)
	return mgr.Start(ctx)
}

// servePods registers the admission of Pods, for namespaces whose injection is enforced and for all others.
func servePods(
	mgr manager.Manager, o options, sets *sidecarset.Followed, recorded *versions.Known, scheduling *pod.Scheduling, fresh pod.Fresh,
) {
	handler := pod.Handler{
		Sets: sets.Index, Versions: recorded, Scheduling: scheduling, Reader: mgr.GetCache(), Live: mgr.GetAPIReader(), Clock: clock.RealClock{},
		Validity: validity.NewValidator(),
	}
	enforced := handler
	enforced.Enforced, enforced.Fresh, enforced.AllowOptOut, enforced.Mirrors = true, fresh, o.allowOptOut, strings.Split(o.imageMirrors, ",")
	server := mgr.GetWebhookServer()
	register(server, pod.Path, &handler)
	register(server, pod.EnforcedPath, &enforced)
}

// newFresh asks the API server over connections of its own: a Pod that waits must not wait for its turn among the
// replica's other requests. There is never more than one question of a kind under way, so they need no limit.
func newFresh(config *rest.Config, sets *sidecarset.Followed) (*freshness.Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.DisableCompression = -1, true
	reader, err := client.New(config, client.Options{Scheme: program.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("set up questions for the newest SidecarSets: %w", err)
	}
	return freshness.New(sets.Seen, reader), nil
}

func newManager(config *rest.Config, o options, source *certs.Source) (manager.Manager, error) {
	namespace, err := program.Namespace()
	if err != nil {
		return nil, err
	}
	server, clients, err := newServer(o, source)
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme:                 program.Scheme(),
		Metrics:                o.Metrics(source.GetCertificate),
		HealthProbeBindAddress: o.ProbeAddress,
		PprofBindAddress:       o.PprofAddress,
		Cache: cache.Options{
			DefaultTransform: program.DropBookkeeping,
			ByObject: map[client.Object]cache.ByObject{
				&appsv1.ControllerRevision{}: {Namespaces: map[string]cache.Config{namespace: {}}},
				&v1beta1.SidecarSet{}:        {Transform: sidecarset.Trim},
			},
		},
		WebhookServer: server,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	if clients != nil {
		return mgr, mgr.Add(clients)
	}
	return mgr, nil
}

// newServer is the port for API servers, and who may call it; nil for everybody.
func newServer(o options, source *certs.Source) (*serve.Server, *serve.Clients, error) {
	options := serve.Options{
		Port: o.port, GetCertificate: source.GetCertificate, Limits: serve.LimitsFor(program.LimitMemory()),
	}
	if o.clientCAFile == "" {
		return serve.New(options), nil, nil
	}
	var names []string
	if o.clientNames != "" {
		names = strings.Split(o.clientNames, ",")
	}
	clients, err := serve.NewClients(o.clientCAFile, names)
	if err != nil {
		return nil, nil, fmt.Errorf("--client-ca-file: %w", err)
	}
	options.Clients = clients
	return serve.New(options), clients, nil
}

// addChecks makes /readyz true when the API server can be answered: the SidecarSets are known and the port is open;
// what serves has checks of its own.
func addChecks(mgr manager.Manager, sets *sidecarset.Followed, recorded *versions.Known) error {
	return errors.Join(
		mgr.AddHealthzCheck("alive", healthz.Ping),
		mgr.AddReadyzCheck("sidecarsets", func(*http.Request) error { return sets.Synced() }),
		mgr.AddReadyzCheck("revisions", recorded.Check),
		mgr.AddReadyzCheck("server", mgr.GetWebhookServer().StartedChecker()),
	)
}
