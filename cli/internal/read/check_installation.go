// SPDX-License-Identifier: Apache-2.0

package read

import (
	"cmp"
	"context"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/probe"
	"github.com/windlass-operator/windlass/webhook/certs"
)

// UsualNamespace is the operator's where nobody says another one.
const UsualNamespace = "windlass-system"

// leaseName is that of the elected operator, whatever the release is called.
const leaseName = "windlass-operator"

// After finds out what there is of an installation.
func (i *Inspector) After(ctx context.Context, f *view.Facts) {
	label := client.MatchingLabels{charts.Label: charts.Windlass}
	looked := i.Namespace
	f.Programs = i.deployments(ctx, looked, label)
	if f.Programs.Denied != "" && looked == "" {
		looked = UsualNamespace
		f.Programs = i.deployments(ctx, looked, label)
	}
	found := where(f, i.Namespace)
	if found == nil {
		return
	}
	if looked != "" && looked != found.Namespace {
		f.Programs = i.deployments(ctx, found.Namespace, label)
	}
	f.Installation = found
	// First, since it is measured by a time that has been told already, and what follows may take long.
	lease := client.ObjectKey{Namespace: found.Namespace, Name: leaseName}
	found.Lease = got(ctx, i, "leases.coordination.k8s.io", lease, &coordinationv1.Lease{})
	i.programs(ctx, f, found)
	i.probes(ctx, found)
	i.webhooks(ctx, found)
	found.Budgets = listed(ctx, i, "poddisruptionbudgets.policy", found.Namespace, &policyv1.PodDisruptionBudgetList{},
		func(l *policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget { return l.Items }, label)
	if f.Programs.Err == nil { // their arguments say which certificates there are to look at
		i.certificates(ctx, found)
	} else {
		found.Certificates.Err, found.Certificates.Denied = f.Programs.Err, f.Programs.Denied
	}
}

// where says what an installation is called and where it is, by its webhook configuration, or by its Deployments; nil
// when there is neither.
func where(f *view.Facts, namespace string) *view.Installation {
	for c := range f.Mutating.Value {
		configuration := &f.Mutating.Value[c]
		service := serviceOf(configuration)
		if charts.Ours(configuration) && service != nil && (namespace == "" || namespace == service.Namespace) {
			return &view.Installation{Name: configuration.Name, Namespace: service.Namespace, Mutating: configuration}
		}
	}
	if len(f.Programs.Value) == 0 {
		return nil
	}
	found := &view.Installation{Namespace: f.Programs.Value[0].Namespace}
	for d := range f.Programs.Value {
		found.Programs = append(found.Programs, programOf(&f.Programs.Value[d]))
	}
	found.Name = cmp.Or(
		found.Argument(charts.Webhook, "mutating-webhook-configuration"), found.Argument(charts.Operator, "mutating-webhook-configuration"),
		charts.Windlass,
	)
	found.Programs = nil
	return found
}

func serviceOf(configuration *admissionregistrationv1.MutatingWebhookConfiguration) *admissionregistrationv1.ServiceReference {
	if len(configuration.Webhooks) == 0 {
		return nil
	}
	return configuration.Webhooks[0].ClientConfig.Service
}

func programOf(deployment *appsv1.Deployment) *view.Program {
	return &view.Program{Component: deployment.Labels[charts.ComponentLabel], Deployment: deployment}
}

// programs finds out about the two programs, also when one is not there.
func (i *Inspector) programs(ctx context.Context, f *view.Facts, found *view.Installation) {
	for _, component := range []string{charts.Operator, charts.Webhook} {
		p := &view.Program{Component: component}
		at := slices.IndexFunc(f.Programs.Value, func(d appsv1.Deployment) bool {
			return d.Namespace == found.Namespace && d.Labels[charts.ComponentLabel] == component
		})
		if at >= 0 {
			p = programOf(&f.Programs.Value[at])
			p.Pods = listed(ctx, i, "pods", found.Namespace, &corev1.PodList{}, func(l *corev1.PodList) []corev1.Pod { return l.Items },
				client.MatchingLabels(p.Deployment.Spec.Selector.MatchLabels))
		}
		found.Programs = append(found.Programs, p)
	}
	for _, p := range found.Programs {
		if f.Programs.Err == nil { // they name their accounts
			p.Missing = i.rights(ctx, found, p)
		} else {
			p.Missing.Err, p.Missing.Denied = f.Programs.Err, f.Programs.Denied
		}
	}
}

// rights are those that a program's account does not have.
func (i *Inspector) rights(
	ctx context.Context, found *view.Installation, p *view.Program,
) view.Learned[[]authorizationv1.ResourceAttributes] {
	provider, names := certificateNames(found)
	roles := &probe.Roles{
		Namespace: found.Namespace, Mutating: names.Mutating, Validating: names.Validating, CertManager: provider == certs.ProviderCertManager,
		SelfSecret: names.SelfSecret.Name, CertManagerSecret: names.CertManagerSecret.Name, Certificate: names.Certificate,
	}
	needed := roles.OperatorRights()
	if p.Component == charts.Webhook {
		needed = roles.WebhookRights()
	}
	account := found.Name + "-" + p.Component
	if p.Deployment != nil {
		account = p.Deployment.Spec.Template.Spec.ServiceAccountName
	}
	ask := right("create", "subjectaccessreviews.authorization.k8s.io", "", "")
	return learn(ctx, i, ask, func(ctx context.Context) ([]authorizationv1.ResourceAttributes, error) {
		return i.missing(ctx, needed, i.mayAccount(found.Namespace, account))
	})
}

// probes runs the operator's own checks.
func (i *Inspector) probes(ctx context.Context, found *view.Installation) {
	prober := &probe.Prober{Client: i.Client, Namespace: found.Namespace, Warnings: i.Warnings}
	names := make([]string, len(found.Programs))
	for p, program := range found.Programs {
		names[p] = found.Name + "-" + program.Component
		if program.Deployment != nil {
			names[p] = program.Deployment.Name
		}
	}
	checks := prober.Checks(names, found.Name, validatingName(found))
	out := make([]view.Probed, len(checks))
	for c := range checks {
		out[c] = view.Probed{Name: checks[c].Name, Finding: learn(ctx, i, checks[c].Needs, checks[c].Run)}
	}
	rest := out[len(out)-len(names)-2:]
	found.Definitions = out[:len(out)-len(rest)]
	for p := range found.Programs {
		found.Programs[p].Probed = &rest[p]
	}
	found.Trust, found.Admission = rest[len(names)], rest[len(names)+1]
}

// validatingName is what the ValidatingWebhookConfiguration is called.
func validatingName(found *view.Installation) string {
	return cmp.Or(found.Argument(charts.Webhook, "validating-webhook-configuration"), found.Name)
}

// webhooks reads what API servers call.
func (i *Inspector) webhooks(ctx context.Context, found *view.Installation) {
	key := client.ObjectKey{Name: validatingName(found)}
	found.Validating = got(ctx, i, "validatingwebhookconfigurations.admissionregistration.k8s.io", key,
		&admissionregistrationv1.ValidatingWebhookConfiguration{})
	if found.Validating.Err != nil {
		found.Validating.Value = nil
	}
	service := client.ObjectKey{Namespace: found.Namespace, Name: found.ServiceName()}
	found.Service = got(ctx, i, "services", service, &corev1.Service{})
	found.Endpoints = listed(ctx, i, "endpointslices.discovery.k8s.io", found.Namespace, &discoveryv1.EndpointSliceList{},
		func(l *discoveryv1.EndpointSliceList) []discoveryv1.EndpointSlice { return l.Items },
		client.MatchingLabels{discoveryv1.LabelServiceName: service.Name})
}

// certificateNames says who makes the certificates, and where they are kept.
func certificateNames(found *view.Installation) (provider string, names certs.Names) {
	argument := func(flag, otherwise string) string { return cmp.Or(found.Argument(charts.Webhook, flag), otherwise) }
	in := func(name string) types.NamespacedName {
		return types.NamespacedName{Namespace: found.Namespace, Name: name}
	}
	return argument("cert-provider", certs.ProviderSelf), certs.Names{
		SelfSecret:        in(argument("cert-secret-name", found.Name+"-webhook-self-cert")),
		CertManagerSecret: in(argument("cert-manager-secret-name", found.Name+"-webhook-tls")),
		Certificate:       argument("cert-manager-certificate", found.Name+"-webhook"),
		Mutating:          found.Name, Validating: validatingName(found), Service: found.ServiceName(),
	}
}

// certificates reads what the webhook serves with.
func (i *Inspector) certificates(ctx context.Context, found *view.Installation) {
	seen := &certs.Seen{Mutating: found.Mutating, Validating: found.Validating.Value}
	seen.Provider, seen.Names = certificateNames(found)
	found.Certificates.Value = seen
	secret := got(ctx, i, "secrets", seen.Names.Secret(seen.Provider), &corev1.Secret{})
	if secret.Err == nil {
		seen.Secret = secret.Value
	} else if !apierrors.IsNotFound(secret.Err) {
		found.Certificates.Err, found.Certificates.Denied = secret.Err, secret.Denied
	}
	if seen.Provider != certs.ProviderCertManager {
		return
	}
	key := types.NamespacedName{Namespace: found.Namespace, Name: seen.Names.Certificate}
	certificate := got(ctx, i, "certificates.cert-manager.io", key, &cmapi.Certificate{})
	seen.CertificateErr = certificate.Err
	if certificate.Err == nil {
		seen.Certificate = certificate.Value
	}
	requests := listed(ctx, i, "certificaterequests.cert-manager.io", found.Namespace, &cmapi.CertificateRequestList{},
		func(l *cmapi.CertificateRequestList) []cmapi.CertificateRequest { return l.Items })
	seen.Requests = requests.Value
}
