// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// served are the versions that each of our kinds must be served in.
var served = []struct {
	resource string
	versions []string
}{
	{"sidecarsets", []string{v1alpha1.GroupVersion.Version, v1beta1.GroupVersion.Version}},
	{"statefulsets", []string{v1alpha1.GroupVersion.Version, v1beta1.GroupVersion.Version}},
	{"schedpatches", []string{v1alpha1.GroupVersion.Version}},
}

// Prober asks the API server about one installation.
type Prober struct {
	// Client knows our kinds and CustomResourceDefinitions.
	Client client.Client
	// Namespace is the one that both programs run in.
	Namespace string
	// Warnings are those that the API server gives to the client.
	Warnings *Warnings
}

// Checks are all questions, in the order in which a fault explains the next one.
func (p *Prober) Checks(deployments []string, mutating, validating string) []Check {
	var all []Check
	for _, kind := range served {
		name := kind.resource + "." + v1beta1.GroupVersion.Group
		all = append(all, Check{
			"CustomResourceDefinition " + name,
			[]authorizationv1.ResourceAttributes{
				{Verb: "get", Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions", Name: name},
			},
			func(ctx context.Context) (string, error) { return p.definition(ctx, name, kind.versions) },
		})
	}
	for _, name := range deployments {
		all = append(all, Check{
			fmt.Sprintf("Deployment %s/%s", p.Namespace, name),
			[]authorizationv1.ResourceAttributes{
				{Verb: "get", Group: appsv1.GroupName, Resource: "deployments", Namespace: p.Namespace, Name: name},
			},
			func(ctx context.Context) (string, error) { return p.deployment(ctx, name) },
		})
	}
	return append(all, p.trustCheck(mutating, validating), Check{
		"admission",
		[]authorizationv1.ResourceAttributes{
			{Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "schedpatches", Namespace: p.Namespace},
		},
		p.admission,
	})
}

func (p *Prober) trustCheck(mutating, validating string) Check {
	get := func(resource, name string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Verb: "get", Group: admissionregistrationv1.GroupName, Resource: resource, Name: name}
	}
	return Check{
		"webhook configurations",
		[]authorizationv1.ResourceAttributes{
			get("mutatingwebhookconfigurations", mutating), get("validatingwebhookconfigurations", validating),
		},
		func(ctx context.Context) (string, error) { return p.trust(ctx, mutating, validating) },
	}
}

// definition checks that a kind is served in all its versions.
func (p *Prober) definition(ctx context.Context, name string, want []string) (string, error) {
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := p.Client.Get(ctx, client.ObjectKey{Name: name}, definition); err != nil {
		return "", err
	}
	isEstablished := slices.ContainsFunc(definition.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
	if !isEstablished {
		return "", fmt.Errorf("it is not established: its conditions say why, kubectl describe crd %s", name)
	}
	var got []string
	for i := range definition.Spec.Versions {
		if definition.Spec.Versions[i].Served {
			got = append(got, definition.Spec.Versions[i].Name)
		}
	}
	for _, version := range want {
		if !slices.Contains(got, version) {
			return "", fmt.Errorf("it serves %s and not %s: it is not the one of this release; install the chart's "+
				"with crds.install and crds.adopt", strings.Join(got, ", "), version)
		}
	}
	return "established, serves " + strings.Join(got, ", "), nil
}

// deployment checks that a program runs in all its replicas as it was last told.
func (p *Prober) deployment(ctx context.Context, name string) (string, error) {
	deployment := &appsv1.Deployment{}
	if err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: name}, deployment); err != nil {
		return "", err
	}
	want, status := ptr.Deref(deployment.Spec.Replicas, 1), &deployment.Status
	if want == 0 {
		return "", fmt.Errorf("it is scaled to 0 replicas, so nothing of it runs")
	}
	if status.ObservedGeneration < deployment.Generation || status.UpdatedReplicas < want || status.AvailableReplicas < want {
		return "", fmt.Errorf("%d of %d replicas are up to date and %d available: see kubectl --namespace %s describe deployment,pods",
			status.UpdatedReplicas, want, status.AvailableReplicas, p.Namespace)
	}
	return fmt.Sprintf("%d of %d replicas are available", status.AvailableReplicas, want), nil
}

// trust checks that the API server trusts one authority for all our webhooks, so that the answer of one speaks for the
// others.
func (p *Prober) trust(ctx context.Context, mutating, validating string) (string, error) {
	mutators, validators := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := p.Client.Get(ctx, client.ObjectKey{Name: mutating}, mutators); err != nil {
		return "", err
	}
	if err := p.Client.Get(ctx, client.ObjectKey{Name: validating}, validators); err != nil {
		return "", err
	}
	var all []trusted
	for i := range mutators.Webhooks {
		all = append(all, trusted{"mutating webhook " + mutators.Webhooks[i].Name, mutators.Webhooks[i].ClientConfig.CABundle})
	}
	for i := range validators.Webhooks {
		all = append(all, trusted{"validating webhook " + validators.Webhooks[i].Name, validators.Webhooks[i].ClientConfig.CABundle})
	}
	const none = "%sWebhookConfiguration %s has no webhook, so the API server asks none: helm upgrade with the values of the " +
		"installation brings them back"
	switch {
	case len(mutators.Webhooks) == 0:
		return "", fmt.Errorf(none, "Mutating", mutating)
	case len(validators.Webhooks) == 0:
		return "", fmt.Errorf(none, "Validating", validating)
	}
	return alike(all)
}

// trusted is a webhook, and the authority that the API server trusts it by.
type trusted struct {
	webhook string
	bundle  []byte
}

// alike checks that webhooks have an authority, and all the same one.
func alike(all []trusted) (string, error) {
	for _, one := range all {
		if len(one.bundle) == 0 {
			return "", fmt.Errorf("%s has no caBundle, so the API server trusts no certificate of it: see the logs of the "+
				"webhook's Pods", one.webhook)
		}
		if !bytes.Equal(one.bundle, all[0].bundle) {
			return "", fmt.Errorf("%s and %s have different caBundles, so one of them is not trusted", all[0].webhook, one.webhook)
		}
	}
	return fmt.Sprintf("%d webhooks with the same certificate authority", len(all)), nil
}

// admission has a SchedPatch admitted in a dry run, in our own namespace. The webhook warns that it would have no
// effect there, which nobody else says. Of all our kinds this one gives the account that may create it the least power.
func (p *Prober) admission(ctx context.Context) (string, error) {
	p.Warnings.forget()
	if err := p.Client.Create(ctx, p.probe(), client.DryRunAll); err != nil {
		return "", fmt.Errorf("a SchedPatch was not admitted in a dry run: %w", err)
	}
	if !p.Warnings.heard("metadata.namespace") {
		return "", fmt.Errorf("a SchedPatch was admitted in a dry run without the webhook, which would have warned of " +
			"it: see the webhook's Pods, and what is between them and the API server")
	}
	return "the webhook answers the API server", nil
}

func (p *Prober) probe() *v1alpha1.SchedPatch {
	return &v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "windlass-probe-", Namespace: p.Namespace},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef:    v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "windlass-probe"},
			Mode:         v1alpha1.SchedPatchPreview,
			NodeSelector: map[string]string{"kubernetes.io/os": "linux"},
		},
	}
}
