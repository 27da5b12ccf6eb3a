// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// review is which requests a webhook is asked about, and what happens without its answer.
type review struct {
	Name       string
	Path       string
	Operations []admissionregistrationv1.OperationType
	Versions   []string
	Resources  []string
	Policy     admissionregistrationv1.FailurePolicyType
	Seconds    int32
	Conditions []string
}

func TestStatefulSetWebhooks(t *testing.T) {
	const path = "/validate-apps-kruise-io-statefulset"
	writes := review{
		Name: "statefulsets.apps.kruise.io", Path: path, Versions: []string{"v1alpha1", "v1beta1"}, Resources: []string{"statefulsets"},
		Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE"}, Policy: "Fail", Seconds: 10,
		Conditions: []string{
			"!has(object.metadata.deletionTimestamp)",
			"request.operation == 'CREATE' || object.spec != oldObject.spec || object.metadata.?labels != oldObject.metadata.?labels",
		},
	}
	deletions := writes
	deletions.Name, deletions.Operations, deletions.Conditions = "statefulset-deletions.apps.kruise.io", []admissionregistrationv1.OperationType{"DELETE"}, nil
	tests := map[string]struct {
		values string
		change func(*review)
	}{
		"by default":                     {change: func(*review) {}},
		"that wait as long as told to":   {values: "webhook: {timeoutSeconds: {statefulSets: 3}}", change: func(r *review) { r.Seconds = 3 }},
		"that may be away for a moment":  {values: "webhook: {failurePolicy: {statefulSets: Ignore}}", change: func(r *review) { r.Policy = "Ignore" }},
		"whatever holds for SidecarSets": {values: "webhook: {failurePolicy: {sidecarSets: Ignore}, timeoutSeconds: {sidecarSets: 1}}", change: func(*review) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := []review{writes, deletions}
			for i := range want {
				test.change(&want[i])
			}
			var got []review
			for _, webhook := range statefulSetWebhooks(t, mustRender(t, test.values)) {
				got = append(got, reviewOf(webhook))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("webhooks (-want +got):\n%s", diff)
			}
		})
	}
}

// Deletions of other sets must not wait for a webhook that is away.
func TestOnlyDeletionsOfProtectedStatefulSetsAreJudged(t *testing.T) {
	deletions := statefulSetWebhooks(t, mustRender(t, ""))[1]
	tests := map[string]struct {
		labels labels.Set
		want   bool
	}{
		"a protected set":             {labels: labels.Set{"policy.kruise.io/delete-protection": "Always"}, want: true},
		"a set protected with a typo": {labels: labels.Set{"policy.kruise.io/delete-protection": "always"}, want: true},
		"any other set":               {labels: labels.Set{"app": "web"}},
		"a set without labels":        {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := selects(t, deletions.ObjectSelector, test.labels); got != test.want {
				t.Errorf("judged: %t, want %t", got, test.want)
			}
		})
	}
}

// The defaults of StatefulSets are in the CRD alone.
func TestNothingChangesStatefulSets(t *testing.T) {
	for _, configuration := range all[*admissionregistrationv1.MutatingWebhookConfiguration](mustRender(t, "")) {
		for _, webhook := range configuration.Webhooks {
			for _, rule := range webhook.Rules {
				if slices.Contains(rule.Resources, "statefulsets") {
					t.Errorf("%s would", webhook.Name)
				}
			}
		}
	}
}

func statefulSetWebhooks(t *testing.T, r *rendered) []admissionregistrationv1.ValidatingWebhook {
	t.Helper()
	var found []admissionregistrationv1.ValidatingWebhook
	for _, webhook := range get[*admissionregistrationv1.ValidatingWebhookConfiguration](t, r, "windlass").Webhooks {
		if slices.Contains(webhook.Rules[0].Resources, "statefulsets") {
			found = append(found, webhook)
		}
	}
	if len(found) != 2 {
		t.Fatalf("%d webhooks for StatefulSets, want 2", len(found))
	}
	return found
}

func reviewOf(webhook admissionregistrationv1.ValidatingWebhook) review {
	rule := webhook.Rules[0]
	out := review{
		Name: webhook.Name, Path: *webhook.ClientConfig.Service.Path, Operations: rule.Operations, Versions: rule.APIVersions,
		Resources: rule.Resources, Policy: *webhook.FailurePolicy, Seconds: *webhook.TimeoutSeconds,
	}
	for _, condition := range webhook.MatchConditions {
		out.Conditions = append(out.Conditions, condition.Expression)
	}
	return out
}
