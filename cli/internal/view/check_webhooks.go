// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/operator/report"
	"github.com/windlass-operator/windlass/webhook/certs"
)

const (
	// bestEffort and enforced are the webhooks for Pods.
	bestEffort = "pods.best-effort.apps.kruise.io"
	enforced   = "pods.enforced.apps.kruise.io"
)

// mutatingWebhooks and validatingWebhooks are what the chart installs.
var (
	mutatingWebhooks   = []string{bestEffort, enforced, "sidecarsets.apps.kruise.io"}
	validatingWebhooks = []string{
		"sidecarsets.apps.kruise.io", "statefulsets.apps.kruise.io", "statefulset-deletions.apps.kruise.io", "schedpatches.apps.kruise.io",
	}
)

// hook is what both kinds of webhooks have.
type hook struct {
	name   string
	client *admissionregistrationv1.WebhookClientConfig
	policy admissionregistrationv1.FailurePolicyType
	// namespaces is its namespaceSelector.
	namespaces *metav1.LabelSelector
}

func (i *Installation) hooks() (mutating, validating []hook) {
	if i.Mutating != nil {
		for w := range i.Mutating.Webhooks {
			webhook := &i.Mutating.Webhooks[w]
			mutating = append(mutating, hook{webhook.Name, &webhook.ClientConfig, ptr.Deref(webhook.FailurePolicy, ""), webhook.NamespaceSelector})
		}
	}
	if i.Validating.Value != nil {
		for w := range i.Validating.Value.Webhooks {
			webhook := &i.Validating.Value.Webhooks[w]
			validating = append(validating, hook{name: webhook.Name, client: &webhook.ClientConfig})
		}
	}
	return mutating, validating
}

// configurations looks at the webhook configurations: whether all webhooks are there, for whom, and what happens while
// they do not answer.
func configurations(f *Facts, i *Installation) []Check {
	out := probed(&i.Trust, "")
	mutating, validating := i.hooks()
	if f.Mutating.Err == nil {
		out = append(out, complete("mutating webhooks", i, mutating, mutatingWebhooks))
	}
	const name = "validating webhooks"
	switch unread := i.Validating.unread(name); {
	case i.Validating.Denied != "":
		out = append(out, unread...)
	case unread != nil:
		out = append(out, failed(name, reinstall, "ValidatingWebhookConfiguration %s: %s", i.Name, i.Validating.Err))
	default:
		out = append(out, complete(name, i, validating, validatingWebhooks))
	}
	for _, webhook := range mutating {
		if webhook.name == bestEffort || webhook.name == enforced {
			out = append(out, podWebhook(i, &webhook))
		}
	}
	return out
}

// complete asks whether all webhooks are there, and call the installation's own Service.
func complete(name string, i *Installation, found []hook, wanted []string) Check {
	var missing []string
	for _, webhook := range wanted {
		if !slices.ContainsFunc(found, func(h hook) bool { return h.name == webhook }) {
			missing = append(missing, webhook)
		}
	}
	if len(missing) > 0 {
		return failed(name, reinstall, "configuration %s lacks %s", i.Name, strings.Join(missing, ", "))
	}
	for _, webhook := range found {
		if service := webhook.client.Service; service == nil || service.Namespace != i.Namespace || service.Name != i.ServiceName() {
			return failed(name, reinstall, "%s does not call Service %s/%s", webhook.name, i.Namespace, i.ServiceName())
		}
	}
	return passed(name, "%s: %s", i.Name, report.Count(len(found), "webhook"))
}

// podWebhook looks at one of those that Pods wait for.
func podWebhook(i *Installation, webhook *hook) Check {
	name := "webhook " + webhook.name
	for _, namespace := range []string{"kube-system", "kube-node-lease", i.Namespace} {
		if serves(webhook, namespace) {
			return failed(name, reinstall, "its namespaceSelector takes in namespace %s: while no webhook answers, nothing there starts "+
				"that would have to be there for one to answer", namespace)
		}
	}
	switch fails := webhook.policy == admissionregistrationv1.Fail; {
	case webhook.name == enforced && !fails:
		return failed(name, reinstall,
			"its failurePolicy is %s: while no webhook answers, Pods of namespaces with %s=%s start without their sidecars",
			webhook.policy, v1beta1.InjectionLabel, v1beta1.InjectionEnforced)
	case webhook.name == bestEffort && fails:
		return warned(name, "the chart's value webhook.failurePolicy.pods is Ignore by default",
			"its failurePolicy is Fail: while no webhook answers, no Pod is created outside of the namespaces that it leaves out")
	}
	return passed(name, "failurePolicy %s, and the namespaces of the cluster's own are left out", webhook.policy)
}

// serves reports whether a webhook is called for Pods of a namespace, with either of the labels that choose between the
// two.
func serves(webhook *hook, namespace string) bool {
	selector, err := metav1.LabelSelectorAsSelector(webhook.namespaces)
	if err != nil {
		return false
	}
	has := labels.Set{corev1.LabelMetadataName: namespace}
	if webhook.name == enforced {
		has[v1beta1.InjectionLabel] = v1beta1.InjectionEnforced
	}
	return selector.Matches(has)
}

// bundles looks at the CAs of the configurations.
func bundles(f *Facts, i *Installation) []Check {
	const name = "caBundles"
	mutating, validating := i.hooks()
	all := slices.Concat(mutating, validating)
	for _, webhook := range all {
		if err := certs.CheckBundle(webhook.client.CABundle, f.Now); err != nil {
			return []Check{failed(name, i.restart(), "webhook %s: its caBundle: %s", webhook.name, err)}
		}
	}
	if len(all) == 0 {
		return nil // said already
	}
	return []Check{passed(name, "%s have one", report.Count(len(all), "webhook"))}
}

// restart has the webhook look at its certificates anew.
func (i *Installation) restart() string {
	name := i.program(charts.Webhook).name()
	return fmt.Sprintf("kubectl logs -n %s deployment/%s says why; kubectl rollout restart -n %s deployment/%s has them looked at anew",
		i.Namespace, name, i.Namespace, name)
}

// soonOver is how long before its end a certificate should have been renewed, where it is not to be renewed later.
const soonOver = 7 * 24 * time.Hour

// renewal is how long before its end a certificate has been renewed where all is well.
func (i *Installation) renewal(until time.Time) time.Duration {
	seen := i.Certificates.Value
	if seen.Provider == certs.ProviderCertManager {
		if seen.Certificate == nil || seen.Certificate.Status.RenewalTime == nil {
			return soonOver
		}
		return min(soonOver, until.Sub(seen.Certificate.Status.RenewalTime.Time))
	}
	before, err := time.ParseDuration(i.Argument(charts.Webhook, "cert-rotate-before"))
	if err != nil {
		return soonOver // which is less than the default
	}
	// The webhook may be that late: it looks from time to time.
	interval, _ := time.ParseDuration(i.Argument(charts.Webhook, "cert-check-interval"))
	return min(soonOver, before-interval)
}

// certificate looks at the serving certificate, and whether API servers trust it.
func certificate(f *Facts, i *Installation) []Check {
	const name = "serving certificate"
	if unread := i.Certificates.unread(name); unread != nil {
		return unread
	}
	until, err := i.Certificates.Value.Examine(f.Now)
	switch {
	case err != nil:
		return []Check{failed(name, i.restart(), "%s", err)}
	case until.Sub(f.Now) < i.renewal(until):
		return []Check{warned(name, i.restart(), "it ends at %s, and should have been renewed", until.UTC().Format(time.RFC3339))}
	}
	return []Check{passed(name, "by %s, trusted, until %s", i.Certificates.Value.Provider, until.UTC().Format(time.RFC3339))}
}

// ServiceName is that of the Service that API servers call.
func (i *Installation) ServiceName() string {
	if named := i.Argument(charts.Webhook, "service-name"); named != "" {
		return named
	}
	return i.Name + "-webhook"
}

// endpoints counts the webhooks that the Service leads to.
func endpoints(_ *Facts, i *Installation) []Check {
	name := fmt.Sprintf("Service %s/%s", i.Namespace, i.ServiceName())
	switch unread := i.Service.unread(name); {
	case i.Service.Denied != "":
		return unread
	case unread != nil:
		return []Check{failed(name, reinstall, "%s", i.Service.Err)}
	}
	if unread := i.Endpoints.unread(name); unread != nil {
		return unread
	}
	ready, all := 0, 0
	for s := range i.Endpoints.Value {
		for _, endpoint := range i.Endpoints.Value[s].Endpoints {
			all++
			if ptr.Deref(endpoint.Conditions.Ready, true) {
				ready++
			}
		}
	}
	if ready == 0 {
		return []Check{failed(name, fmt.Sprintf("kubectl get pods -n %s", i.Namespace),
			"it leads to no webhook that is ready (of %d): Pods start without sidecars, or not at all where injection is enforced", all)}
	}
	return []Check{passed(name, "leads to %s", report.Count(ready, "webhook"))}
}

// admission is the operator's own check of it.
func admission(_ *Facts, i *Installation) []Check { return probed(&i.Admission, "") }
