// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/crds"
	"github.com/windlass-operator/windlass/charts"
	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/view"
	"github.com/windlass-operator/windlass/webhook/certs"
)

const system = "windlass-system"

// known is something that was read.
func known[T any](value T) view.Learned[T] { return view.Learned[T]{Value: value} }

// refused is what the user may not read.
func refused[T any](right string) view.Learned[T] {
	return view.Learned[T]{Err: errors.New("forbidden"), Denied: right}
}

func missing[T any](resource, name string) view.Learned[T] {
	return view.Learned[T]{Err: apierrors.NewNotFound(schema.GroupResource{Resource: resource}, name)}
}

// fit are the facts of a cluster that is fit, without an installation.
func fit() *view.Facts {
	now := time.Now()
	return &view.Facts{
		Now: now, Plugin: "0.1.0", Newest: "1.37", Server: &version.Info{GitVersion: "v1.37.1"},
		Serves: known(map[string][]string{
			"v1": {"pods", "pods/resize"},
			"admissionregistration.k8s.io/v1": {
				"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "validatingadmissionpolicies",
			},
		}),
		Nodes:      known([]corev1.Node{node("node-1", "v1.37.1"), node("node-2", "v1.37.1")}),
		NodeLeases: known([]coordinationv1.Lease{lease("node-1", now, now), lease("node-2", now, now)}),
	}
}

func node(name, kubelet string) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubelet}}}
}

// lease is one whose holder believes that it is one time, when the API server believes that it is another.
func lease(name string, holders, servers time.Time) coordinationv1.Lease {
	return coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: system, ManagedFields: []metav1.ManagedFieldsEntry{{Time: ptr.To(metav1.NewTime(servers))}}},
		Spec: coordinationv1.LeaseSpec{
			RenewTime: ptr.To(metav1.NewMicroTime(holders)), HolderIdentity: ptr.To(name + "_uid"), LeaseDurationSeconds: ptr.To[int32](15),
		},
	}
}

func before(t *testing.T) *view.Facts {
	t.Helper()
	f := fit()
	f.Release = &charts.Release{Name: "windlass", Namespace: system}
	return f
}

// sound are the facts of an installation that works.
func sound(t *testing.T) *view.Facts {
	t.Helper()
	f := fit()
	for _, name := range charts.Definitions() {
		f.Definitions.Value = append(f.Definitions.Value, definition(t, strings.TrimSuffix(name, ".apps.kruise.io")))
	}
	chain, key, err := cert.GenerateSelfSignedCertKey("windlass-webhook."+system+".svc", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := &view.Installation{
		Name: "windlass", Namespace: system,
		Definitions: []view.Probed{{Name: "CustomResourceDefinition schedpatches.apps.kruise.io", Finding: known("established, serves v1alpha1")}},
		Programs:    []*view.Program{program("operator"), program("webhook")},
		Trust:       view.Probed{Name: "webhook configurations", Finding: known("7 webhooks with the same certificate authority")},
		Admission:   view.Probed{Name: "admission", Finding: known("the webhook answers the API server")},
		Mutating:    mutating(chain), Validating: known(validating(chain)),
		Lease: known(ptr.To(lease("windlass-operator-1", f.Now, f.Now))), Service: known(&corev1.Service{}),
		Endpoints: known([]discoveryv1.EndpointSlice{{Endpoints: []discoveryv1.Endpoint{{}, {}}}}),
		Budgets:   known([]policyv1.PodDisruptionBudget{budget("operator"), budget("webhook")}),
	}
	i.Certificates.Value = &certs.Seen{
		Provider: certs.ProviderSelf,
		Names:    certs.Names{SelfSecret: types.NamespacedName{Namespace: system, Name: "windlass-webhook-self-cert"}, Service: "windlass-webhook"},
		Secret:   &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}},
		Mutating: i.Mutating, Validating: i.Validating.Value,
	}
	f.Installation = i
	return f
}

func definition(t *testing.T, plural string) apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := crds.FS.ReadFile("apps.kruise.io_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func program(component string) *view.Program {
	return &view.Program{
		Component: component,
		Deployment: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: system, Name: "windlass-" + component,
				Labels: map[string]string{charts.VersionLabel: "0.1.0", charts.ChartLabel: "windlass-0.1.1", charts.ComponentLabel: component},
			},
			Spec: appsv1.DeploymentSpec{
				Replicas: ptr.To[int32](2),
				Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: component, Image: "windlass:0.1.0"}}}},
			},
		},
		Probed: &view.Probed{Name: "Deployment windlass-system/windlass-" + component, Finding: known("2 of 2 replicas are available")},
	}
}

func budget(component string) policyv1.PodDisruptionBudget {
	return policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass-" + component, Labels: map[string]string{charts.ComponentLabel: component}},
		Status:     policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 2, DisruptionsAllowed: 1},
	}
}

func clientConfig(bundle []byte) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{
		CABundle: bundle, Service: &admissionregistrationv1.ServiceReference{Namespace: system, Name: "windlass-webhook"},
	}
}

func mutating(bundle []byte) *admissionregistrationv1.MutatingWebhookConfiguration {
	webhook := func(name string, policy admissionregistrationv1.FailurePolicyType, left ...string) admissionregistrationv1.MutatingWebhook {
		return admissionregistrationv1.MutatingWebhook{
			Name: name, ClientConfig: clientConfig(bundle), FailurePolicy: &policy,
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: append([]string{"none"}, left...)},
			}},
		}
	}
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{
			webhook("pods.best-effort.apps.kruise.io", admissionregistrationv1.Ignore, "kube-system", "kube-node-lease", system),
			webhook("pods.enforced.apps.kruise.io", admissionregistrationv1.Fail, "kube-system", "kube-node-lease", system),
			webhook("sidecarsets.apps.kruise.io", admissionregistrationv1.Fail),
		},
	}
}

func validating(bundle []byte) *admissionregistrationv1.ValidatingWebhookConfiguration {
	out := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	for _, name := range []string{"sidecarsets", "statefulsets", "statefulset-deletions", "schedpatches"} {
		out.Webhooks = append(out.Webhooks, admissionregistrationv1.ValidatingWebhook{Name: name + ".apps.kruise.io", ClientConfig: clientConfig(bundle)})
	}
	return out
}

// ends are the ends of certificates, which differ.
var ends = regexp.MustCompile(`until 2\S+`)

func printed(f *view.Facts) string {
	var out strings.Builder
	(&show.Printer{Out: &out}).Checks(view.CheckAll(f))
	return ends.ReplaceAllString(out.String(), "until THEN")
}

const soundText = `ok           Kubernetes: v1.37.1; 1.30 or newer is needed
ok           admission API: admissionregistration.k8s.io/v1 has webhooks and policies
ok           resize in place: the API server serves pods/resize
ok           kubelets: 2 nodes at v1.37.1
ok           clocks: this machine, and 2 nodes by their leases, are at most 10s from the API server
ok           OpenKruise: neither its controllers nor its webhooks are there
ok           installation: windlass in namespace windlass-system
ok           CustomResourceDefinition schedpatches.apps.kruise.io: established, serves v1alpha1
ok           schemas: they are the ones of this plug-in
ok           Deployment windlass-system/windlass-operator: 2 of 2 replicas are available
ok           Deployment windlass-system/windlass-webhook: 2 of 2 replicas are available
ok           leader: windlass-operator-1
ok           webhook configurations: 7 webhooks with the same certificate authority
ok           mutating webhooks: windlass: 3 webhooks
ok           validating webhooks: windlass: 4 webhooks
ok           webhook pods.best-effort.apps.kruise.io: failurePolicy Ignore, and the namespaces of the cluster's own are left out
ok           webhook pods.enforced.apps.kruise.io: failurePolicy Fail, and the namespaces of the cluster's own are left out
ok           caBundles: 7 webhooks have one
ok           serving certificate: by self, trusted, until THEN
ok           Service windlass-system/windlass-webhook: leads to 2 webhooks
ok           admission: the webhook answers the API server
ok           rights of the operator: it has them
ok           rights of the webhook: it has them
ok           releases: operator 0.1.0 (chart 0.1.1, image windlass:0.1.0), webhook 0.1.0 (chart 0.1.1, image windlass:0.1.0), plug-in 0.1.0
ok           disruption budgets: a drain of nodes leaves replicas of both programs
25 checks: 0 failed, 0 warnings.
`

func TestASoundInstallation(t *testing.T) {
	if diff := cmp.Diff(soundText, printed(sound(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// others are the lines of a text that another one does not have, but for the last line.
func others(text, base string) string {
	lines := strings.Split(base, "\n")
	var out []string
	all := strings.Split(strings.TrimSpace(text), "\n")
next:
	for _, line := range all[:len(all)-1] {
		for _, known := range lines {
			if line == known {
				continue next
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

func TestWhatIsWrongWithAnInstallation(t *testing.T) {
	otherCA, _, err := cert.GenerateSelfSignedCertKey("other", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const look = "kubectl logs -n windlass-system deployment/windlass-webhook says why; kubectl rollout restart -n windlass-system " +
		"deployment/windlass-webhook has them looked at anew\n"
	const again = "helm upgrade with the values of the installation brings it back; under Argo CD or Flux, sync\n"
	const below = "             "
	for name, test := range map[string]struct {
		damage func(*view.Facts, *view.Installation)
		want   string
	}{
		"an old API server": {func(f *view.Facts, _ *view.Installation) { f.Server.GitVersion = "v1.29.9-gke.1" },
			"failed       Kubernetes: v1.29.9-gke.1, and 1.30 or newer is needed\n" + below + "  upgrade the cluster first\n"},
		"a newer API server than was thought of": {func(f *view.Facts, _ *view.Installation) { f.Server.GitVersion = "v1.38.0" },
			"warning      Kubernetes: v1.38.0, and this release was built for versions up to 1.37\n" + below + "  see whether there is a newer release of Windlass\n"},
		"no resize": {func(f *view.Facts, _ *view.Installation) { f.Serves.Value["v1"] = nil },
			"warning      resize in place: the API server does not serve pods/resize: cpu and memory of a Pod change only when it is recreated\n" +
				below + "  Kubernetes 1.33 or newer serves it\n"},
		"no policies": {func(f *view.Facts, _ *view.Installation) {
			f.Serves.Value["admissionregistration.k8s.io/v1"] = f.Serves.Value["admissionregistration.k8s.io/v1"][:2]
		}, "failed       admission API: the API server does not serve validatingadmissionpolicies of admissionregistration.k8s.io/v1\n" +
			below + "  the API server must not be started with a --runtime-config that turns it off\n"},
		"an old kubelet": {func(f *view.Facts, _ *view.Installation) { f.Nodes.Value[0] = node("node-1", "v1.32.0") },
			"warning      kubelets: 1 node at v1.32.0, 1 node at v1.37.1. What is not done in place: resources (kubelet v1.32.0 of node node-1 resizes no " +
				"containers, 1.33.0 does)\n" + below + "  upgrade the kubelets; until then such Pods get the change when they are recreated\n"},
		"clocks that go wrong": {func(f *view.Facts, _ *view.Installation) {
			f.Ahead = -time.Minute
			f.NodeLeases.Value[1] = lease("node-2", f.Now.Add(90*time.Second), f.Now)
		}, "warning      clocks: measured by the API server's, this machine is 1m0s behind, node node-2 is 1m30s ahead\n" +
			below + "  let all machines have their time from the same servers: chronyc tracking, timedatectl\n"},
		"OpenKruise's controllers run": {func(f *view.Facts, _ *view.Installation) {
			f.OpenKruise.Value = []appsv1.Deployment{{ObjectMeta: metav1.ObjectMeta{Namespace: "kruise-system", Name: "kruise-controller-manager"}}}
		}, "failed       OpenKruise: its controllers run: Deployment kruise-system/kruise-controller-manager has 1 replica. Both would roll the same Pods\n" +
			below + "  kubectl scale deployment kruise-controller-manager -n kruise-system --replicas=0\n"},
		"a schema of another release": {func(f *view.Facts, _ *view.Installation) {
			f.Definitions.Value[0].Labels = map[string]string{charts.VersionLabel: "0.0.9"}
			f.Definitions.Value[0].Spec.Versions[0].Schema = nil
		}, "warning      schemas: those of sidecarsets.apps.kruise.io (of release 0.0.9) are not the ones of this plug-in, which is of release 0.1.0\n" +
			below + "  upgrade the chart with crds.install, or take the plug-in of the installation's release\n"},
		"a definition that is not there": {func(_ *view.Facts, i *view.Installation) {
			i.Definitions[0].Finding = missing[string]("customresourcedefinitions", "schedpatches.apps.kruise.io")
		}, `failed       CustomResourceDefinition schedpatches.apps.kruise.io: customresourcedefinitions "schedpatches.apps.kruise.io" not found` + "\n" +
			below + "  " + again},
		"a program that is scaled to nothing": {func(_ *view.Facts, i *view.Installation) {
			i.Programs[1].Deployment.Spec.Replicas = ptr.To[int32](0)
			i.Programs[1].Probed.Finding = view.Learned[string]{Err: errors.New("it is scaled to 0 replicas, so nothing of it runs")}
			i.Endpoints.Value = nil
			i.Admission.Finding = view.Learned[string]{Err: errors.New("no endpoints available")}
		}, "failed       Deployment windlass-system/windlass-webhook: it is scaled to 0 replicas, so nothing of it runs\n" +
			below + "  kubectl scale deployment windlass-webhook -n windlass-system --replicas=2\n" +
			"failed       Service windlass-system/windlass-webhook: it leads to no webhook that is ready (of 0): Pods start without sidecars, or not at all " +
			"where injection is enforced\n" + below + "  kubectl get pods -n windlass-system\n" +
			"failed       admission: no endpoints available\n"},
		"a Pod that cannot run": {func(_ *view.Facts, i *view.Installation) {
			i.Programs[0].Probed.Finding = view.Learned[string]{Err: errors.New("1 of 2 replicas are up to date and 1 available")}
			i.Programs[0].Pods.Value = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "windlass-operator-1"}}}
		}, "failed       Deployment windlass-system/windlass-operator: 1 of 2 replicas are up to date and 1 available\n" +
			below + "  Pod windlass-operator-1: it has no node yet\n"},
		"a leader that is gone": {func(f *view.Facts, i *view.Installation) {
			i.Lease = known(ptr.To(lease("windlass-operator-1", f.Now, f.Now.Add(-time.Minute))))
		}, "failed       leader: windlass-operator-1 was the last one, and has said nothing for 1m0s\n" +
			below + "  kubectl logs -n windlass-system deployment/windlass-operator\n"},
		"nobody was ever elected": {func(_ *view.Facts, i *view.Installation) {
			i.Lease = missing[*coordinationv1.Lease]("leases", "windlass-operator")
		}, `failed       leader: no replica of the operator was ever elected: leases "windlass-operator" not found` + "\n" +
			below + "  kubectl logs -n windlass-system deployment/windlass-operator\n"},
		"a webhook is missing": {func(_ *view.Facts, i *view.Installation) {
			i.Validating.Value.Webhooks = i.Validating.Value.Webhooks[:3]
		}, "failed       validating webhooks: configuration windlass lacks schedpatches.apps.kruise.io\n" + below + "  " + again +
			"ok           caBundles: 6 webhooks have one\n"},
		"a webhook calls somebody else": {func(_ *view.Facts, i *view.Installation) {
			i.Mutating.Webhooks[2].ClientConfig.Service.Namespace = "other"
		}, "failed       mutating webhooks: sidecarsets.apps.kruise.io does not call Service windlass-system/windlass-webhook\n" + below + "  " + again},
		"a webhook that could lock the cluster up": {func(_ *view.Facts, i *view.Installation) {
			i.Mutating.Webhooks[1].NamespaceSelector = &metav1.LabelSelector{}
		}, "failed       webhook pods.enforced.apps.kruise.io: its namespaceSelector takes in namespace kube-system: while no webhook answers, nothing there " +
			"starts that would have to be there for one to answer\n" + below + "  " + again},
		"other failure policies": {func(_ *view.Facts, i *view.Installation) {
			i.Mutating.Webhooks[0].FailurePolicy, i.Mutating.Webhooks[1].FailurePolicy = i.Mutating.Webhooks[1].FailurePolicy, i.Mutating.Webhooks[0].FailurePolicy
		}, "warning      webhook pods.best-effort.apps.kruise.io: its failurePolicy is Fail: while no webhook answers, no Pod is created outside of the " +
			"namespaces that it leaves out\n" + below + "  the chart's value webhook.failurePolicy.pods is Ignore by default\n" +
			"failed       webhook pods.enforced.apps.kruise.io: its failurePolicy is Ignore: while no webhook answers, Pods of namespaces with " +
			"apps.kruise.io/injection=enforced start without their sidecars\n" + below + "  " + again},
		"no caBundle": {func(_ *view.Facts, i *view.Installation) { i.Mutating.Webhooks[0].ClientConfig.CABundle = nil },
			"failed       caBundles: webhook pods.best-effort.apps.kruise.io: its caBundle: it is empty, so the API server trusts nobody\n" + below + "  " + look +
				"failed       serving certificate: API servers trust the certificate in Secret windlass-system/windlass-webhook-self-cert for 6 of 7 webhooks: " +
				"webhook pods.best-effort.apps.kruise.io has no caBundle yet\n" + below + "  " + look},
		"the CA of somebody else": {func(_ *view.Facts, i *view.Installation) {
			for w := range i.Validating.Value.Webhooks {
				i.Validating.Value.Webhooks[w].ClientConfig.CABundle = otherCA
			}
		}, "failed       serving certificate: API servers trust the certificate in Secret windlass-system/windlass-webhook-self-cert for 3 of 7 webhooks: the " +
			"caBundle of webhook sidecarsets.apps.kruise.io does not trust the certificate: x509: certificate signed by unknown authority\n" + below + "  " + look},
		"a certificate that ends soon": {func(f *view.Facts, _ *view.Installation) { f.Now = f.Now.Add(362 * 24 * time.Hour) },
			"failed       leader: windlass-operator-1 was the last one, and has said nothing for 8688h0m0s\n" +
				below + "  kubectl logs -n windlass-system deployment/windlass-operator\n" +
				"warning      serving certificate: it ends at THEN, and should have been renewed\n" + below + "  " + look},
		"roles that somebody has changed": {func(_ *view.Facts, i *view.Installation) {
			i.Programs[0].Missing.Value = []authorizationv1.ResourceAttributes{
				{Verb: "patch", Resource: "pods", Subresource: "resize"}, {Verb: "list", Resource: "nodes"}, {Verb: "watch", Resource: "nodes"},
			}
		}, "failed       rights of the operator: its service account may not patch pods/resize, list/watch nodes\n" + below + "  " + again},
		"programs of two releases": {func(_ *view.Facts, i *view.Installation) {
			i.Programs[0].Deployment.Labels[charts.VersionLabel] = "0.0.9"
		},
			"warning      releases: the programs are of two: operator 0.0.9 (chart 0.1.1, image windlass:0.1.0), webhook 0.1.0 (chart 0.1.1, image windlass:0.1.0), " +
				"plug-in 0.1.0\n" + below + "  see whether an upgrade was left half done: helm history, kubectl rollout status\n"},
		"another plug-in": {func(f *view.Facts, _ *view.Installation) { f.Plugin = "0.2.0" },
			"warning      releases: they differ: operator 0.1.0 (chart 0.1.1, image windlass:0.1.0), webhook 0.1.0 (chart 0.1.1, image windlass:0.1.0), plug-in 0.2.0\n" +
				below + "  take the plug-in of the installation's release: it knows what that one knows\n"},
		"no budget": {func(_ *view.Facts, i *view.Installation) { i.Budgets.Value = nil },
			"warning      disruption budgets: a drain of nodes may take all replicas at once of the operator and the webhook\n" +
				below + "  set the chart's value podDisruptionBudget.enabled of the program\n"},
		"a budget that allows nothing": {func(_ *view.Facts, i *view.Installation) { i.Budgets.Value[1].Status.DisruptionsAllowed = 0 },
			"warning      disruption budgets: windlass-webhook allows no eviction although all its Pods are healthy, so no node of theirs can be drained\n" +
				below + "  set the chart's value podDisruptionBudget.maxUnavailable of the program\n"},
		"little that one may read": {func(f *view.Facts, i *view.Installation) {
			f.Nodes, f.NodeLeases = refused[[]corev1.Node]("list nodes"), refused[[]coordinationv1.Lease]("list leases.coordination.k8s.io in namespace kube-node-lease")
			i.Certificates = refused[*certs.Seen]("get secrets windlass-webhook-self-cert in namespace windlass-system")
			i.Admission.Finding = refused[string]("create schedpatches.apps.kruise.io in namespace windlass-system")
			i.Validating = refused[*admissionregistrationv1.ValidatingWebhookConfiguration]("get validatingwebhookconfigurations.admissionregistration.k8s.io windlass")
			i.Programs[0].Missing = refused[[]authorizationv1.ResourceAttributes]("create subjectaccessreviews.authorization.k8s.io")
			i.Budgets = view.Learned[[]policyv1.PodDisruptionBudget]{Err: errors.New("timeout")}
		}, `not checked  kubelets: you may not list nodes
not checked  clocks: you may not list leases.coordination.k8s.io in namespace kube-node-lease
not checked  validating webhooks: you may not get validatingwebhookconfigurations.admissionregistration.k8s.io windlass
ok           caBundles: 3 webhooks have one
not checked  serving certificate: you may not get secrets windlass-webhook-self-cert in namespace windlass-system
not checked  admission: you may not create schedpatches.apps.kruise.io in namespace windlass-system
not checked  rights of the operator: you may not create subjectaccessreviews.authorization.k8s.io
not checked  disruption budgets: it could not be read: timeout
`},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound(t)
			test.damage(f, f.Installation)
			got := others(regexp.MustCompile(`ends at 2\S+,`).ReplaceAllString(printed(f), "ends at THEN,"), soundText)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if failed := view.FailedIn(view.CheckAll(f)); failed != strings.Contains(test.want, "failed ") {
				t.Errorf("failed = %t", failed)
			}
		})
	}
}

// A certificate that lasts a week is not to be renewed a week before its end.
func TestWhenACertificateShouldHaveBeenRenewed(t *testing.T) {
	self := func(arguments ...string) func(*view.Installation, time.Time) {
		return func(i *view.Installation, _ time.Time) {
			i.Programs[1].Deployment.Spec.Template.Spec.Containers[0].Args = arguments
		}
	}
	certManager := func(before time.Duration) func(*view.Installation, time.Time) {
		return func(i *view.Installation, ends time.Time) {
			seen := i.Certificates.Value
			seen.Provider, seen.Names.Certificate, seen.Names.CertManagerSecret = certs.ProviderCertManager, "windlass-webhook", seen.Names.SelfSecret
			seen.Secret.Annotations = map[string]string{cmapi.CertificateNameKey: "windlass-webhook"}
			seen.Certificate = &cmapi.Certificate{Status: cmapi.CertificateStatus{RenewalTime: ptr.To(metav1.NewTime(ends.Add(-before)))}}
		}
	}
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		setup func(*view.Installation, time.Time)
		left  time.Duration
		want  view.Verdict
	}{
		"by default":                       {self(), 8 * day, view.Passed},
		"by default, a week before":        {self(), 6 * day, view.Warned},
		"two months before its end":        {self("--cert-rotate-before=1440h"), 8 * day, view.Passed},
		"two months before, and it is not": {self("--cert-rotate-before=1440h"), 6 * day, view.Warned},
		"two days before its end":          {self("--cert-rotate-before=48h", "--cert-check-interval=12h"), 3 * day, view.Passed},
		"at the next look":                 {self("--cert-rotate-before=48h", "--cert-check-interval=12h"), 40 * time.Hour, view.Passed},
		"after the next look":              {self("--cert-rotate-before=48h", "--cert-check-interval=12h"), 30 * time.Hour, view.Warned},
		"by cert-manager, two days before": {certManager(2 * day), 3 * day, view.Passed},
		"by cert-manager, and it is not":   {certManager(2 * day), day, view.Warned},
		"by cert-manager, months before":   {certManager(60 * day), 8 * day, view.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound(t)
			ends, err := f.Installation.Certificates.Value.Examine(f.Now)
			if err != nil {
				t.Fatal(err)
			}
			test.setup(f.Installation, ends)
			f.Now = ends.Add(-test.left)
			for _, check := range view.CheckAll(f) {
				if check.Name == "serving certificate" && check.Verdict != test.want {
					t.Errorf("%s left: %s: %s, want %s", test.left, check.Verdict, check.Finding, test.want)
				}
			}
		})
	}
}

func TestBeforeAnInstallation(t *testing.T) {
	const fine = "ok           OpenKruise: its controllers do not run\nok           rights to install: you have them\n" +
		"ok           installation: nothing stands in the way of release windlass in namespace windlass-system\n"
	for name, test := range map[string]struct {
		damage func(*view.Facts)
		want   string
	}{
		"nothing is there": {func(*view.Facts) {}, fine},
		"rights are missing": {func(f *view.Facts) {
			f.Missing.Value = []authorizationv1.ResourceAttributes{{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}}
		}, strings.Replace(fine, "ok           rights to install: you have them\n",
			"warning      rights to install: you may not create clusterroles.rbac.authorization.k8s.io\n"+
				"               have somebody install the chart who may, such as a cluster-admin\n", 1)},
		"OpenKruise's definition": {func(f *view.Facts) {
			d := definition(t, "statefulsets")
			d.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter}
			f.Definitions.Value = append(f.Definitions.Value, d)
		}, strings.Replace(fine, "ok           installation: nothing stands in the way of release windlass in namespace windlass-system\n",
			`failed       CustomResourceDefinition statefulsets.apps.kruise.io: CustomResourceDefinition statefulsets.apps.kruise.io converts its versions by a webhook, `+
				`so it is OpenKruise's. OpenKruise's controllers must be gone first, and its webhook with them:
               stop the Deployment kruise-controller-manager and delete the configurations kruise-mutating-webhook-configuration and `+
				`kruise-validating-webhook-configuration.
               Do not uninstall its chart: that deletes the definitions, and with them every object. Then turn the conversion off in each definition that has one:
                 kubectl patch crd statefulsets.apps.kruise.io --type merge --patch '{"spec":{"conversion":{"strategy":"None","webhook":null}}}'
               and install with crds.adopt=true and Helm's --take-ownership (Helm 3.17 or newer).
`, 1)},
		"definitions may not be read": {func(f *view.Facts) {
			f.Definitions = refused[[]apiextensionsv1.CustomResourceDefinition]("list customresourcedefinitions.apiextensions.k8s.io")
		}, strings.Replace(fine, "ok           installation: nothing stands in the way of release windlass in namespace windlass-system\n",
			"not checked  CustomResourceDefinitions: you may not list customresourcedefinitions.apiextensions.k8s.io\n", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			f := before(t)
			test.damage(f)
			if diff := cmp.Diff(test.want, others(printed(f), soundText)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutAnInstallation(t *testing.T) {
	f := fit()
	want := "failed       installation: there is none in this cluster\n               whether the cluster is fit for one: kubectl windlass check --pre\n"
	if diff := cmp.Diff(want, others(printed(f), soundText)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.Programs, f.Mutating = refused[[]appsv1.Deployment]("list deployments.apps"), refused[[]admissionregistrationv1.MutatingWebhookConfiguration]("list x")
	want = "not checked  installation: you may not list deployments.apps\n               name the operator's namespace with --operator-namespace\n"
	if diff := cmp.Diff(want, others(printed(f), soundText)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
