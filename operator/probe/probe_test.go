// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/program"
)

const namespace = "windlass-system"

// installation is one that works, for the tests to damage.
type installation struct {
	definitions map[string]*apiextensionsv1.CustomResourceDefinition
	operator    *appsv1.Deployment
	mutating    *admissionregistrationv1.MutatingWebhookConfiguration
	validating  *admissionregistrationv1.ValidatingWebhookConfiguration
	// warning and refusal are what the API server says to a SchedPatch.
	warning string
	refusal error
}

func working() *installation {
	return &installation{
		definitions: map[string]*apiextensionsv1.CustomResourceDefinition{
			"sidecarsets":  definition("sidecarsets", "v1alpha1", "v1beta1"),
			"statefulsets": definition("statefulsets", "v1alpha1", "v1beta1"),
			"schedpatches": definition("schedpatches", "v1alpha1"),
		},
		operator: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "windlass-operator", Generation: 3},
			Spec:       appsv1.DeploymentSpec{Replicas: ptr.To[int32](2)},
			Status:     appsv1.DeploymentStatus{ObservedGeneration: 3, UpdatedReplicas: 2, AvailableReplicas: 2},
		},
		mutating: &admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "pods", ClientConfig: trusting}, {Name: "sidecarsets", ClientConfig: trusting}},
		},
		validating: &admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "windlass"},
			Webhooks:   []admissionregistrationv1.ValidatingWebhook{{Name: "schedpatches", ClientConfig: trusting}},
		},
		warning: "metadata.namespace: new Pods of namespace windlass-system are not seen by the webhooks",
	}
}

func definition(resource string, versions ...string) *apiextensionsv1.CustomResourceDefinition {
	d := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: resource + ".apps.kruise.io"}}
	for _, version := range versions {
		d.Spec.Versions = append(d.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{Name: version, Served: true})
	}
	d.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}}
	return d
}

var trusting = admissionregistrationv1.WebhookClientConfig{CABundle: []byte("authority")}

// prober asks an API server that holds the installation.
func (i *installation) prober(t *testing.T) *Prober {
	t.Helper()
	scheme := program.Scheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	heard := &Warnings{}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(i.operator, i.mutating, i.validating).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			if i.warning != "" {
				heard.HandleWarningHeaderWithContext(ctx, 299, "", i.warning)
			}
			if i.refusal != nil {
				return i.refusal
			}
			return c.Create(ctx, object, opts...)
		},
	})
	for _, definition := range i.definitions {
		builder = builder.WithObjects(definition)
	}
	return &Prober{Client: builder.Build(), Namespace: namespace, Warnings: heard}
}

func TestReport(t *testing.T) {
	const fine = `ok      CustomResourceDefinition sidecarsets.apps.kruise.io: established, serves v1alpha1, v1beta1
ok      CustomResourceDefinition statefulsets.apps.kruise.io: established, serves v1alpha1, v1beta1
ok      CustomResourceDefinition schedpatches.apps.kruise.io: established, serves v1alpha1
ok      Deployment windlass-system/windlass-operator: 2 of 2 replicas are available
ok      webhook configurations: 3 webhooks with the same certificate authority
ok      admission: the webhook answers the API server
Windlass works.
`
	tests := map[string]struct {
		damage func(*installation)
		// want is the line that differs from those of a working installation; empty: none does.
		want string
	}{
		"everything works": {damage: func(*installation) {}},
		"a definition is missing": {
			damage: func(i *installation) { delete(i.definitions, "schedpatches") },
			want:   `FAILED  CustomResourceDefinition schedpatches.apps.kruise.io: customresourcedefinitions.apiextensions.k8s.io "schedpatches.apps.kruise.io" not found`,
		},
		"a definition is not established": {
			damage: func(i *installation) { i.definitions["schedpatches"].Status.Conditions = nil },
			want:   "FAILED  CustomResourceDefinition schedpatches.apps.kruise.io: it is not established: its conditions say why, kubectl describe crd schedpatches.apps.kruise.io",
		},
		"a definition of somebody else lacks a version": {
			damage: func(i *installation) { i.definitions["sidecarsets"].Spec.Versions[1].Served = false },
			want:   "FAILED  CustomResourceDefinition sidecarsets.apps.kruise.io: it serves v1alpha1 and not v1beta1: it is not the one of this release; install the chart's with crds.install and crds.adopt",
		},
		"a program is missing a replica": {
			damage: func(i *installation) { i.operator.Status.AvailableReplicas = 1 },
			want:   "FAILED  Deployment windlass-system/windlass-operator: 2 of 2 replicas are up to date and 1 available: see kubectl --namespace windlass-system describe deployment,pods",
		},
		"a program is about to be changed": {
			damage: func(i *installation) { i.operator.Status.ObservedGeneration = 2 },
			want:   "FAILED  Deployment windlass-system/windlass-operator: 2 of 2 replicas are up to date and 2 available: see kubectl --namespace windlass-system describe deployment,pods",
		},
		"a program is scaled to nothing": {
			damage: func(i *installation) { i.operator.Spec.Replicas = ptr.To[int32](0) },
			want:   "FAILED  Deployment windlass-system/windlass-operator: it is scaled to 0 replicas, so nothing of it runs",
		},
		"a webhook is not trusted yet": {
			damage: func(i *installation) { i.mutating.Webhooks[1].ClientConfig.CABundle = nil },
			want:   "FAILED  webhook configurations: mutating webhook sidecarsets has no caBundle, so the API server trusts no certificate of it: see the logs of the webhook's Pods",
		},
		"two webhooks are trusted by different authorities": {
			damage: func(i *installation) { i.mutating.Webhooks[1].ClientConfig.CABundle = []byte("other") },
			want:   "FAILED  webhook configurations: mutating webhook pods and mutating webhook sidecarsets have different caBundles, so one of them is not trusted",
		},
		"the mutating webhooks are trusted by another authority than the one that answers": {
			damage: func(i *installation) { i.validating.Webhooks[0].ClientConfig.CABundle = []byte("other") },
			want:   "FAILED  webhook configurations: mutating webhook pods and validating webhook schedpatches have different caBundles, so one of them is not trusted",
		},
		"a validating webhook is not trusted yet": {
			damage: func(i *installation) { i.validating.Webhooks[0].ClientConfig.CABundle = nil },
			want:   "FAILED  webhook configurations: validating webhook schedpatches has no caBundle, so the API server trusts no certificate of it: see the logs of the webhook's Pods",
		},
		"there is no mutating webhook": {
			damage: func(i *installation) { i.mutating.Webhooks = nil },
			want:   "FAILED  webhook configurations: MutatingWebhookConfiguration windlass has no webhook, so the API server asks none: helm upgrade with the values of the installation brings them back",
		},
		"there is no validating webhook": {
			damage: func(i *installation) { i.validating.Webhooks = nil },
			want:   "FAILED  webhook configurations: ValidatingWebhookConfiguration windlass has no webhook, so the API server asks none: helm upgrade with the values of the installation brings them back",
		},
		"no webhook answers and it may be passed over": {
			damage: func(i *installation) { i.warning = "" },
			want:   "FAILED  admission: a SchedPatch was admitted in a dry run without the webhook, which would have warned of it: see the webhook's Pods, and what is between them and the API server",
		},
		"another warning does not stand in for the webhook's": {
			damage: func(i *installation) { i.warning = `unknown field "spec.mode"` },
			want:   "FAILED  admission: a SchedPatch was admitted in a dry run without the webhook, which would have warned of it: see the webhook's Pods, and what is between them and the API server",
		},
		"no webhook answers and it must": {
			damage: func(i *installation) { i.refusal = errors.New("failed calling webhook: connection refused") },
			want:   "FAILED  admission: a SchedPatch was not admitted in a dry run: failed calling webhook: connection refused",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			installed := working()
			test.damage(installed)
			var out strings.Builder
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // each check is tried once
			err := report(ctx, installed.prober(t).Checks([]string{"windlass-operator"}, "windlass", "windlass"), time.Hour, &out)
			if failed := errors.Is(err, ErrNotWorking); failed != (test.want != "") {
				t.Errorf("error = %v", err)
			}
			if diff := cmp.Diff(withLine(fine, test.want), out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// withLine replaces the line about the same thing, and leaves out the last one.
func withLine(text, line string) string {
	if line == "" {
		return text
	}
	subject := func(line string) string { return strings.SplitN(line[min(len(line), 8):], ":", 2)[0] }
	var out strings.Builder
	for old := range strings.Lines(text) {
		switch {
		case old == "Windlass works.\n":
		case subject(old) == subject(line):
			out.WriteString(line + "\n")
		default:
			out.WriteString(old)
		}
	}
	return out.String()
}

func TestACheckIsTriedAgain(t *testing.T) {
	tries := 0
	checks := []Check{{Name: "patience", Run: func(context.Context) (string, error) {
		tries++
		if tries < 3 {
			return "", errors.New("not yet")
		}
		return "now", nil
	}}}
	var out strings.Builder
	if err := report(t.Context(), checks, time.Millisecond, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("ok      patience: now\nWindlass works.\n", out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestTheProbeLeavesNothing(t *testing.T) {
	p := working().prober(t)
	if _, err := p.admission(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := &v1alpha1.SchedPatchList{}
	if err := p.Client.List(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 0 {
		t.Errorf("%d SchedPatches are left", len(left.Items))
	}
}

func TestRunNamesWhatItMisses(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	err := Run(t.Context(), nil, &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "POD_NAMESPACE") {
		t.Errorf("error = %v, want one that names POD_NAMESPACE", err)
	}
}
