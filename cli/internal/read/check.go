// SPDX-License-Identifier: Apache-2.0

package read

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/operator/probe"
)

// Inspector looks at a cluster for `check`.
type Inspector struct {
	// Client knows the built-in kinds, ours, CustomResourceDefinitions and cert-manager's.
	client.Client
	// Served says what the API server serves.
	Served discovery.DiscoveryInterfaceWithContext
	// Warnings are those that the API server gives to the client.
	Warnings *probe.Warnings
	// Time is the API server's, once it has answered; zero where it does not tell.
	Time func() time.Time
	// Clock is this machine's.
	Clock func() time.Time
	// Namespace is that of the operator where the user names it.
	Namespace string
}

// patience is how long one question may take. A webhook that does not answer is waited for by the API server.
const patience = 40 * time.Second

// Cluster finds out what concerns the cluster itself. It fails when the API server does not answer.
func (i *Inspector) Cluster(ctx context.Context) (*view.Facts, error) {
	server, err := i.Served.ServerVersionWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("the API server does not answer: %w", err)
	}
	f := &view.Facts{Server: server, Now: i.Clock()}
	if at := i.Time(); !at.IsZero() {
		f.Ahead, f.Now = f.Now.Sub(at), at
	}
	f.Serves.Value, f.Serves.Err = i.serves(ctx)
	f.Nodes = listed(ctx, i, "nodes", "", &corev1.NodeList{}, func(l *corev1.NodeList) []corev1.Node { return l.Items })
	f.NodeLeases = listed(ctx, i, "leases.coordination.k8s.io", corev1.NamespaceNodeLease, &coordinationv1.LeaseList{},
		func(l *coordinationv1.LeaseList) []coordinationv1.Lease { return l.Items })
	f.Definitions = listed(ctx, i, "customresourcedefinitions.apiextensions.k8s.io", "", &apiextensionsv1.CustomResourceDefinitionList{},
		func(l *apiextensionsv1.CustomResourceDefinitionList) []apiextensionsv1.CustomResourceDefinition {
			return l.Items
		})
	f.Mutating = listed(ctx, i, "mutatingwebhookconfigurations.admissionregistration.k8s.io", "",
		&admissionregistrationv1.MutatingWebhookConfigurationList{},
		func(l *admissionregistrationv1.MutatingWebhookConfigurationList) []admissionregistrationv1.MutatingWebhookConfiguration {
			return l.Items
		})
	f.OpenKruise = i.deployments(ctx, "", client.MatchingFields{metav1.ObjectNameField: charts.OpenKruiseController})
	return f, nil
}

// deployments lists those of a namespace, "" for all.
func (i *Inspector) deployments(ctx context.Context, namespace string, options ...client.ListOption) view.Learned[[]appsv1.Deployment] {
	return listed(ctx, i, "deployments.apps", namespace, &appsv1.DeploymentList{},
		func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items }, options...)
}

// serves lists the resources of two versions of the API.
func (i *Inspector) serves(ctx context.Context) (map[string][]string, error) {
	out := map[string][]string{}
	for _, version := range []string{"v1", admissionregistrationv1.SchemeGroupVersion.String()} {
		resources, err := i.Served.ServerResourcesForGroupVersionWithContext(ctx, version)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("ask the API server what it serves of %s: %w", version, err)
		}
		if resources != nil {
			for _, resource := range resources.APIResources {
				out[version] = append(out[version], resource.Name)
			}
		}
	}
	return out, nil
}

// installing are the rights without which nobody can install the chart.
func installing(namespace string) []authorizationv1.ResourceAttributes {
	out := []authorizationv1.ResourceAttributes{
		{Verb: "create", Group: "apps", Resource: "deployments", Namespace: namespace},
		{Verb: "create", Resource: "secrets", Namespace: namespace},
	}
	for group, resources := range map[string][]string{
		"apiextensions.k8s.io":         {"customresourcedefinitions"},
		"rbac.authorization.k8s.io":    {"clusterroles", "clusterrolebindings"},
		"admissionregistration.k8s.io": {"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies"},
	} {
		for _, resource := range resources {
			out = append(out, authorizationv1.ResourceAttributes{Verb: "create", Group: group, Resource: resource})
		}
	}
	slices.SortFunc(out, func(a, b authorizationv1.ResourceAttributes) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// Before finds out what stands in the way of an installation.
func (i *Inspector) Before(ctx context.Context, f *view.Facts, release charts.Release) {
	f.Release = &release
	f.Missing.Value, f.Missing.Err = i.missing(ctx, installing(release.Namespace), i.may)
}

// missing are those rights that somebody does not have.
func (i *Inspector) missing(
	ctx context.Context, rights []authorizationv1.ResourceAttributes,
	may func(context.Context, *authorizationv1.ResourceAttributes) (bool, error),
) ([]authorizationv1.ResourceAttributes, error) {
	var out []authorizationv1.ResourceAttributes
	for r := range rights {
		allowed, err := may(ctx, &rights[r])
		if err != nil {
			return nil, err
		}
		if !allowed {
			out = append(out, rights[r])
		}
	}
	return out, nil
}

// may asks whether the user has a right. Everybody may ask that.
func (i *Inspector) may(ctx context.Context, right *authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: right}}
	err := i.Create(ctx, review)
	return review.Status.Allowed, err
}

// mayAccount asks whether a service account has a right.
func (i *Inspector) mayAccount(namespace, account string) func(context.Context, *authorizationv1.ResourceAttributes) (bool, error) {
	return func(ctx context.Context, right *authorizationv1.ResourceAttributes) (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}, ResourceAttributes: right,
		}}
		err := i.Create(ctx, review)
		return review.Status.Allowed, err
	}
}

// learn asks one question, for which one needs rights. Where the answer is no, it is asked whether that is the reason:
// somebody else may have refused.
func learn[T any](
	ctx context.Context, i *Inspector, needs []authorizationv1.ResourceAttributes, ask func(context.Context) (T, error),
) (out view.Learned[T]) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out.Value, out.Err = ask(ctx)
	if !apierrors.IsForbidden(out.Err) {
		return out
	}
	for n := range needs {
		if allowed, err := i.may(ctx, &needs[n]); err != nil || !allowed {
			out.Denied = view.RightText(&needs[n])
			break
		}
	}
	return out
}

// right is one to a resource, as RESOURCE or RESOURCE.GROUP, in a namespace or in all.
func right(verb, resource, namespace, name string) []authorizationv1.ResourceAttributes {
	resource, group, _ := strings.Cut(resource, ".")
	return []authorizationv1.ResourceAttributes{{Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name}}
}

// listed lists objects.
func listed[T any, L client.ObjectList](
	ctx context.Context, i *Inspector, resource, namespace string, list L, items func(L) []T, options ...client.ListOption,
) view.Learned[[]T] {
	return learn(ctx, i, right("list", resource, namespace, ""), func(ctx context.Context) ([]T, error) {
		err := i.List(ctx, list, append(options, client.InNamespace(namespace))...)
		return items(list), err
	})
}

// got reads an object.
func got[T client.Object](ctx context.Context, i *Inspector, resource string, key client.ObjectKey, into T) view.Learned[T] {
	return learn(ctx, i, right("get", resource, key.Namespace, key.Name), func(ctx context.Context) (T, error) {
		return into, i.Get(ctx, key, into)
	})
}
