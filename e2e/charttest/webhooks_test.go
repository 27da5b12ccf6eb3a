// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestEveryWebhookFieldIsWrittenOut holds every webhook to having no field that the API server would fill in: a GitOps
// tool that compares what it applied with what is there then finds no difference. caBundle is the exception: it belongs
// to the webhook.
func TestEveryWebhookFieldIsWrittenOut(t *testing.T) {
	result := mustRender(t, "")
	for _, configuration := range all[*admissionregistrationv1.MutatingWebhookConfiguration](result) {
		for _, webhook := range configuration.Webhooks {
			checkFieldsAreSet(t, webhook.Name, reflect.ValueOf(webhook))
		}
	}
	for _, configuration := range all[*admissionregistrationv1.ValidatingWebhookConfiguration](result) {
		for _, webhook := range configuration.Webhooks {
			checkFieldsAreSet(t, webhook.Name, reflect.ValueOf(webhook))
		}
	}
	if strings.Contains(result.text, "caBundle:") {
		t.Error("a caBundle is rendered, and a GitOps tool would put it back for ever")
	}
}

// checkFieldsAreSet fails for every field below the value that is nil or empty, but for those that may stay so.
func checkFieldsAreSet(t *testing.T, path string, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			t.Errorf("%s is not set, so the API server would default it", path)
			return
		}
		// What a selector or a Service's address holds is optional; that it is there is not.
		if value.Type() != reflect.TypeFor[*metav1.LabelSelector]() {
			checkFieldsAreSet(t, path, value.Elem())
		}
	case reflect.Slice:
		if value.Len() == 0 {
			t.Errorf("%s is empty", path)
		}
		for i := range value.Len() {
			checkFieldsAreSet(t, path, value.Index(i))
		}
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Type().Field(i)
			switch field.Name {
			case "CABundle", "URL", "MatchConditions": // The webhook's, the alternative to a Service, and never defaulted.
			default:
				checkFieldsAreSet(t, path+"."+field.Name, value.Field(i))
			}
		}
	}
}

func TestPodWebhooksByNamespace(t *testing.T) {
	const bestEffort, enforced = "pods.best-effort.apps.kruise.io (Ignore)", "pods.enforced.apps.kruise.io (Fail)"
	tests := map[string]struct {
		namespace string
		injection string
		values    string
		want      []string
	}{
		"an ordinary namespace gets its sidecars if it can":           {namespace: "shop", want: []string{bestEffort}},
		"an enforced namespace gets none of its Pods without":         {namespace: "shop", injection: "enforced", want: []string{enforced}},
		"a disabled namespace is left alone":                          {namespace: "shop", injection: "disabled"},
		"an unknown value of the label changes nothing":               {namespace: "shop", injection: "yes", want: []string{bestEffort}},
		"kube-system is left alone, even where a label says enforced": {namespace: "kube-system", injection: "enforced"},
		"kube-node-lease is left alone":                               {namespace: "kube-node-lease"},
		"kube-public is an ordinary namespace":                        {namespace: "kube-public", want: []string{bestEffort}},
		"our own namespace is left alone":                             {namespace: namespace},
		"our own namespace is left alone, enforced or not":            {namespace: namespace, injection: "enforced"},
		"an excluded namespace is left alone": {
			namespace: "cni", injection: "enforced", values: "webhook: {excludedNamespaces: [cni]}",
		},
		"excluding a namespace twice is no mistake": {
			namespace: "kube-system", values: "webhook: {excludedNamespaces: [kube-system]}",
		},
		"failurePolicy.pods is that of ordinary namespaces": {
			namespace: "shop", values: "webhook: {failurePolicy: {pods: Fail}}",
			want: []string{"pods.best-effort.apps.kruise.io (Fail)"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			namespaceLabels := labels.Set{corev1.LabelMetadataName: test.namespace}
			if test.injection != "" {
				namespaceLabels["apps.kruise.io/injection"] = test.injection
			}
			var got []string
			for _, webhook := range podWebhooks(t, mustRender(t, test.values)) {
				if selects(t, webhook.NamespaceSelector, namespaceLabels) {
					got = append(got, webhook.Name+" ("+string(*webhook.FailurePolicy)+")")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("webhooks for a Pod of %s (-want +got):\n%s", test.namespace, diff)
			}
		})
	}
}

// Where injection is enforced, an error of the webhook must not let a Pod pass without its sidecars: it answers so on a
// path of its own.
func TestPodWebhooksCallTheHandlerOfTheirKind(t *testing.T) {
	want := map[string]string{
		"pods.best-effort.apps.kruise.io": "/mutate-pod",
		"pods.enforced.apps.kruise.io":    "/mutate-pod-enforced",
	}
	got := map[string]string{}
	for _, webhook := range podWebhooks(t, mustRender(t, "")) {
		got[webhook.Name] = *webhook.ClientConfig.Service.Path
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths of the webhooks (-want +got):\n%s", diff)
	}
}

// A Pod's labels are its author's to choose, so they must not keep it from the webhooks. Our own Pods are left alone by
// their namespace.
func TestPodWebhooksSeeAPodWhateverItsLabels(t *testing.T) {
	result := mustRender(t, "")
	for _, webhook := range podWebhooks(t, result) {
		for _, of := range append(deploymentLabels(result), labels.Set{"app.kubernetes.io/name": "cart"}, nil) {
			if !selects(t, webhook.ObjectSelector, of) {
				t.Errorf("%s would not see a Pod with the labels %v", webhook.Name, of)
			}
		}
		if selects(t, webhook.NamespaceSelector, labels.Set{corev1.LabelMetadataName: namespace, "apps.kruise.io/injection": "enforced"}) {
			t.Errorf("%s would see our own Pods", webhook.Name)
		}
	}
}

func deploymentLabels(result *rendered) []labels.Set {
	var out []labels.Set
	for _, deployment := range deployments(result) {
		out = append(out, deployment.Spec.Template.Labels)
	}
	return out
}

func TestPodWebhooksSeeCreationsOnly(t *testing.T) {
	for _, webhook := range podWebhooks(t, mustRender(t, "")) {
		want := []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
		if diff := cmp.Diff(want, webhook.Rules[0].Operations); len(webhook.Rules) != 1 || diff != "" {
			t.Errorf("operations of %s (-want +got):\n%s", webhook.Name, diff)
		}
		if len(webhook.MatchConditions) != 1 || webhook.MatchConditions[0].Name != "not-a-mirror-pod" {
			t.Errorf("%s would be called for mirror Pods", webhook.Name)
		}
	}
}

func TestPodWebhooksWaitAsLongAsToldTo(t *testing.T) {
	for _, webhook := range podWebhooks(t, mustRender(t, "webhook: {timeoutSeconds: {pods: 1}}")) {
		if *webhook.TimeoutSeconds != 1 {
			t.Errorf("%s waits for %d seconds, want 1", webhook.Name, *webhook.TimeoutSeconds)
		}
	}
}

func TestTheWebhookOfSchedPatchesIsWhatTheValuesSay(t *testing.T) {
	result := mustRender(t, "webhook: {failurePolicy: {schedPatches: Ignore}, timeoutSeconds: {schedPatches: 4}}")
	for _, webhook := range get[*admissionregistrationv1.ValidatingWebhookConfiguration](t, result, "windlass").Webhooks {
		if webhook.Name != "schedpatches.apps.kruise.io" {
			continue
		}
		got := map[string]any{
			"path": *webhook.ClientConfig.Service.Path, "policy": *webhook.FailurePolicy, "seconds": *webhook.TimeoutSeconds,
			"resources": webhook.Rules[0].Resources,
		}
		want := map[string]any{
			"path": "/validate-apps-kruise-io-schedpatch", "policy": admissionregistrationv1.Ignore, "seconds": int32(4),
			"resources": []string{"schedpatches"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("webhook (-want +got):\n%s", diff)
		}
		return
	}
	t.Error("there is no webhook schedpatches.apps.kruise.io")
}

func podWebhooks(t *testing.T, r *rendered) []admissionregistrationv1.MutatingWebhook {
	t.Helper()
	var found []admissionregistrationv1.MutatingWebhook
	for _, webhook := range get[*admissionregistrationv1.MutatingWebhookConfiguration](t, r, "windlass").Webhooks {
		if strings.HasPrefix(*webhook.ClientConfig.Service.Path, "/mutate-pod") {
			found = append(found, webhook)
		}
	}
	if len(found) != 2 {
		t.Fatalf("%d webhooks for Pods, want 2", len(found))
	}
	return found
}

func selects(t *testing.T, selector *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(set)
}
