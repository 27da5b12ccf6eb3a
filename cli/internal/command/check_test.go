// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/discovery"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/cli/internal/read"
	"github.com/windlass-operator/windlass/operator/probe"
	"github.com/windlass-operator/windlass/program"
)

// inspected is a cluster for `check`, in which the user may do some things: "VERB RESOURCE in NAMESPACE", or without the
// last two words.
type inspected struct {
	t *testing.T
	client.Client
}

func anything(string) bool { return true }

func within(right, namespace string) string {
	if namespace == "" {
		return right
	}
	return right + " in " + namespace
}

func inspect(t *testing.T, may func(string) bool, objects ...client.Object) *inspected {
	t.Helper()
	scheme := program.Scheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	refuse := func(verb string, object runtime.Object, namespace string) error {
		kinds, _, err := scheme.ObjectKinds(object)
		if err != nil {
			return err
		}
		resource := strings.ToLower(strings.TrimSuffix(kinds[0].Kind, "List")) + "s"
		if !may(within(verb+" "+resource, namespace)) {
			return apierrors.NewForbidden(schema.GroupResource{Group: kinds[0].Group, Resource: resource}, "", nil)
		}
		return nil
	}
	byName := func(object client.Object) []string { return []string{object.GetName()} }
	built := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithIndex(&appsv1.Deployment{}, metav1.ObjectNameField, byName)
	return &inspected{t, built.WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			asked := client.ListOptions{}
			asked.ApplyOptions(opts)
			if err := refuse("list", list, asked.Namespace); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
			if err := refuse("get", object, key.Namespace); err != nil {
				return err
			}
			return c.Get(ctx, key, object, opts...)
		},
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			if review, is := object.(*authorizationv1.SelfSubjectAccessReview); is {
				asked := review.Spec.ResourceAttributes
				review.Status.Allowed = may(within(asked.Verb+" "+asked.Resource, asked.Namespace))
				return nil
			}
			return refuse("create", object, object.GetNamespace())
		},
	}).Build()}
}

func (i *inspected) run(line string) result {
	i.t.Helper()
	served := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}, FakedServerVersion: &version.Info{GitVersion: "v1.37.1"}}
	served.Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "pods/resize"}}},
		{GroupVersion: "admissionregistration.k8s.io/v1", APIResources: []metav1.APIResource{
			{Name: "mutatingwebhookconfigurations"}, {Name: "validatingwebhookconfigurations"}, {Name: "validatingadmissionpolicies"},
		}},
	}
	var out, errOut bytes.Buffer
	code := Run(i.t.Context(), Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut},
		Now:       func() time.Time { return now },
		Inspect: func(*genericclioptions.ConfigFlags) (*read.Inspector, error) {
			return &read.Inspector{
				Client: i.Client, Served: discovery.ToDiscoveryInterfaceWithContext(served), Warnings: &probe.Warnings{},
				Time: func() time.Time { return now },
			}, nil
		},
	}, strings.Fields(line))
	return result{out.String(), errOut.String(), code}
}

func (i *inspected) check(line string, want result) {
	i.t.Helper()
	want.Out = strings.TrimPrefix(want.Out, "\n")
	if diff := cmp.Diff(want, i.run(line)); diff != "" {
		i.t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

func aNode() *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.37.1"}}}
}

// fitText is what is said of every cluster here.
const fitText = `ok           Kubernetes: v1.37.1; 1.30 or newer is needed
ok           admission API: admissionregistration.k8s.io/v1 has webhooks and policies
ok           resize in place: the API server serves pods/resize
ok           kubelets: 1 node at v1.37.1
ok           clocks: this machine, and 0 nodes by their leases, are at most 10s from the API server
`

func TestCheckBefore(t *testing.T) {
	inspect(t, anything, aNode()).check("check --pre", result{Out: fitText + `ok           OpenKruise: its controllers do not run
ok           rights to install: you have them
ok           installation: nothing stands in the way of release windlass in namespace windlass-system
8 checks: 0 failed, 0 warnings.
`})
	kept := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{
		Name: "schedpatches.apps.kruise.io", Labels: map[string]string{"app.kubernetes.io/part-of": "windlass"},
		Annotations: map[string]string{"meta.helm.sh/release-name": "windlass", "meta.helm.sh/release-namespace": "ops"},
	}}
	other := inspect(t, anything, aNode(), kept)
	if got := other.run("check --pre"); got.Code != 1 || !strings.Contains(got.Out, "it belongs to the release windlass in namespace ops.\n") {
		t.Errorf("definitions of another release: %+v", got)
	}
	for _, line := range []string{"check --pre --operator-namespace=ops", "check --pre --adopt-crds"} {
		if got := other.run(line); got.Code != 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestCheckOfWhoMayReadLittle(t *testing.T) {
	may := func(right string) bool {
		return !strings.Contains(right, "nodes") && !strings.HasPrefix(right, "create cluster")
	}
	inspect(t, may, aNode()).check("check --pre", result{Out: strings.Replace(fitText, "ok           kubelets: 1 node at v1.37.1\n",
		"not checked  kubelets: you may not list nodes\n", 1) + `ok           OpenKruise: its controllers do not run
warning      rights to install: you may not create clusterrolebindings.rbac.authorization.k8s.io, create clusterroles.rbac.authorization.k8s.io
               have somebody install the chart who may, such as a cluster-admin
ok           installation: nothing stands in the way of release windlass in namespace windlass-system
8 checks: 0 failed, 1 warning, 1 not checked.
`})
	nothing := func(string) bool { return false }
	inspect(t, nothing).check("check", result{Out: `
ok           Kubernetes: v1.37.1; 1.30 or newer is needed
ok           admission API: admissionregistration.k8s.io/v1 has webhooks and policies
ok           resize in place: the API server serves pods/resize
not checked  kubelets: you may not list nodes
not checked  clocks: you may not list leases.coordination.k8s.io in namespace kube-node-lease
not checked  OpenKruise: you may not list deployments.apps
not checked  installation: you may not list deployments.apps in namespace windlass-system
               name the operator's namespace with --operator-namespace
7 checks: 0 failed, 0 warnings, 4 not checked.
`})
}

func TestCheckOfAnInstallationWithNothingLeft(t *testing.T) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{"app.kubernetes.io/part-of": "windlass"}},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "sidecarsets.apps.kruise.io", ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: "ops", Name: "prod-webhook"},
		}}},
	}
	got := inspect(t, anything, aNode(), configuration).run("check -o json")
	if got.Code != 1 {
		t.Errorf("%+v", got)
	}
	for _, part := range []string{
		`"finding": "prod in namespace ops"`, `"name": "CustomResourceDefinition sidecarsets.apps.kruise.io"`, `"name": "Deployment ops/prod-operator"`,
		`"name": "Deployment ops/prod-webhook"`, `"finding": "no replica of the operator was ever elected: `,
		"configuration prod lacks pods.best-effort.apps.kruise.io, pods.enforced.apps.kruise.io", `"finding": "there is no Secret ops/prod-webhook-self-cert"`,
		`services \"prod-webhook\" not found`,
	} {
		if !strings.Contains(got.Out, part) {
			t.Errorf("%q is missing in:\n%s", part, got.Out)
		}
	}
}

// Who may list Deployments in the operator's namespace alone sees those there, which is not the usual one.
func TestCheckOfAnInstallationInANamespaceOfItsOwn(t *testing.T) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{"app.kubernetes.io/part-of": "windlass"}},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "sidecarsets.apps.kruise.io", ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: "ops", Name: "prod-webhook"},
		}}},
	}
	webhook := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "prod-webhook", Labels: map[string]string{
			"app.kubernetes.io/part-of": "windlass", "app.kubernetes.io/component": "webhook",
		}},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{},
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "webhook", Args: []string{"--cert-provider=cert-manager"}}}}},
		},
	}
	for refused, want := range map[string][]string{
		"list deployments": {"there is no Secret ops/prod-webhook-tls"},
		"list deployments in ops": {
			"not checked  serving certificate: you may not list deployments.apps in namespace ops\n",
			"not checked  rights of the webhook: you may not list deployments.apps in namespace ops\n",
		},
	} {
		may := func(right string) bool { return right != "list deployments" && right != refused }
		got := inspect(t, may, aNode(), configuration, webhook).run("check").Out
		for _, part := range want {
			if !strings.Contains(got, part) || strings.Contains(got, "no Secret ops/prod-webhook-self-cert") {
				t.Errorf("without %q, %q is missing in:\n%s", refused, part, got)
			}
		}
	}
}

// A leader that dies while the webhook is waited for would have renewed its Lease later than check began.
func TestCheckReadsTheLeaseBeforeItProbes(t *testing.T) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "prod", Labels: map[string]string{"app.kubernetes.io/part-of": "windlass"}},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: "ops"},
		}}},
	}
	var asked []string
	may := func(right string) bool { asked = append(asked, right); return true }
	inspect(t, may, configuration).run("check")
	lease, probe := slices.Index(asked, "get leases in ops"), slices.Index(asked, "create schedpatchs in ops")
	if lease < 0 || probe < lease {
		t.Errorf("lease %d, probe %d in %q", lease, probe, asked)
	}
}

func TestCheckRefusesFlags(t *testing.T) {
	i := inspect(t, anything)
	i.check("check -o name", result{Code: 2, Err: "error: --output=name: must be json or yaml\n"})
	i.check("check --adopt-crds", result{Code: 2, Err: "error: --release and --adopt-crds go with --pre only\n"})
	i.check("check", result{Code: 1, Out: strings.Replace(fitText, "ok           kubelets: 1 node at v1.37.1\n",
		"warning      kubelets: there is no node, so nothing runs\n", 1) + `ok           OpenKruise: neither its controllers nor its webhooks are there
failed       installation: there is none in this cluster
               whether the cluster is fit for one: kubectl windlass check --pre
7 checks: 1 failed, 1 warning.
`})
}
