// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/operator/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files instead of comparing with them")

const goldenRoles = "testdata/roles.golden.yaml"

// role is a Role or ClusterRole as the golden file shows it.
type role struct {
	Kind   string              `json:"kind"`
	Name   string              `json:"name"`
	Labels map[string]string   `json:"aggregation,omitempty"`
	Rules  []rbacv1.PolicyRule `json:"rules"`
}

// roles returns all roles of the chart, those of the cluster first.
func roles(r *rendered) []role {
	var found []role
	for _, object := range all[*rbacv1.ClusterRole](r) {
		aggregation := map[string]string{}
		for key, value := range object.Labels {
			if strings.HasPrefix(key, "rbac.authorization.k8s.io/") {
				aggregation[key] = value
			}
		}
		found = append(found, role{Kind: "ClusterRole", Name: object.Name, Labels: aggregation, Rules: object.Rules})
	}
	for _, object := range all[*rbacv1.Role](r) {
		found = append(found, role{Kind: "Role", Name: object.Name, Rules: object.Rules})
	}
	return found
}

// TestRolesAreTheRecordedOnes makes every change of a permission visible in a review: run the test with -update and
// commit the file.
func TestRolesAreTheRecordedOnes(t *testing.T) {
	got, err := yaml.Marshal(roles(mustRender(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(goldenRoles, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(goldenRoles)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("roles differ from %s; if that is meant, run the test with -update (-want +got):\n%s",
			goldenRoles, cmp.Diff(string(want), string(got)))
	}
}

func TestRolesGrantNoMoreThanTheyMust(t *testing.T) {
	writes := []string{"create", "update", "patch", "delete", "deletecollection"}
	for _, role := range roles(mustRender(t, "")) {
		for _, rule := range role.Rules {
			everything := slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.ResourceNames, rule.NonResourceURLs)
			if slices.ContainsFunc(everything, func(s string) bool { return strings.Contains(s, "*") }) {
				t.Errorf("%s %s grants a *: %v", role.Kind, role.Name, rule)
			}
			for _, verb := range []string{"escalate", "bind", "impersonate"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s %s grants %s", role.Kind, role.Name, verb)
				}
			}
			if role.Kind == "ClusterRole" && slices.Contains(rule.Resources, "secrets") {
				t.Errorf("ClusterRole %s reaches Secrets of every namespace", role.Name)
			}
			isWrite := slices.ContainsFunc(rule.Verbs, func(verb string) bool { return slices.Contains(writes, verb) })
			if isWrite && slices.Contains(rule.Resources, "nodes") {
				t.Errorf("%s %s writes Nodes", role.Kind, role.Name)
			}
			// No role can limit a creation to a name; a ValidatingAdmissionPolicy does.
			creates := slices.Equal(rule.Verbs, []string{"create"}) && role.Name == "windlass-webhook"
			if isWrite && !creates && slices.Contains(rule.Resources, "secrets") && len(rule.ResourceNames) == 0 {
				t.Errorf("%s %s writes Secrets without naming them", role.Kind, role.Name)
			}
		}
	}
}

func TestSidecarSetsAreNeverAggregatedForWriting(t *testing.T) {
	for _, role := range roles(mustRender(t, "")) {
		if len(role.Labels) == 0 {
			continue
		}
		for _, rule := range role.Rules {
			if slices.Contains(rule.Resources, "sidecarsets") && !slices.Equal(rule.Verbs, []string{"get", "list", "watch"}) {
				t.Errorf("%s lets everybody with a built-in role %v SidecarSets", role.Name, rule.Verbs)
			}
		}
	}
}

func TestTheProgramsMayReadExtraTargets(t *testing.T) {
	result := mustRender(t, "schedPatch: {extraTargets: [{apiGroups: [argoproj.io, x.example], resources: [rollouts]}]}")
	for name, verbs := range map[string][]string{"windlass-webhook": {"get"}, "windlass-operator": {"get", "list", "watch"}} {
		want := rbacv1.PolicyRule{APIGroups: []string{"argoproj.io", "x.example"}, Resources: []string{"rollouts"}, Verbs: verbs}
		rules := get[*rbacv1.ClusterRole](t, result, name).Rules
		if !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool { return cmp.Equal(rule, want) }) {
			t.Errorf("%s: no rule is %v: %v", name, want, rules)
		}
	}
}

// Without metrics.secure the roles are those of the golden file; with it, these besides, and nothing else.
func TestSecureMetricsAddTheirRolesAlone(t *testing.T) {
	create := func(group, resource string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"create"}}
	}
	want := []role{
		{Kind: "ClusterRole", Name: "windlass-metrics-auth", Labels: map[string]string{}, Rules: []rbacv1.PolicyRule{
			create("authentication.k8s.io", "tokenreviews"), create("authorization.k8s.io", "subjectaccessreviews"),
		}},
		{Kind: "ClusterRole", Name: "windlass-metrics-reader", Labels: map[string]string{}, Rules: []rbacv1.PolicyRule{
			{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
		}},
	}
	var got []role
	plain := roles(mustRender(t, ""))
	result := mustRender(t, "metrics: {secure: {enabled: true}}")
	for _, r := range roles(result) {
		if !slices.ContainsFunc(plain, func(p role) bool { return cmp.Equal(p, r) }) {
			got = append(got, r)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles besides (-want +got):\n%s", diff)
	}
	var asking []string
	for _, subject := range get[*rbacv1.ClusterRoleBinding](t, result, "windlass-metrics-auth").Subjects {
		asking = append(asking, subject.Namespace+"/"+subject.Name)
	}
	if diff := cmp.Diff([]string{"windlass-system/windlass-operator", "windlass-system/windlass-webhook"}, asking); diff != "" {
		t.Errorf("who asks the API server (-want +got):\n%s", diff)
	}
	for _, binding := range all[*rbacv1.ClusterRoleBinding](result) {
		if binding.Name == "windlass-metrics-reader" {
			t.Errorf("without readers somebody is bound: %v", binding.Subjects)
		}
	}
	for name, values := range map[string]string{
		"rbac.create false":     "{metrics: {secure: {enabled: true}}, rbac: {create: false}}",
		"metrics.enabled false": "metrics: {enabled: false, secure: {enabled: true}}",
	} {
		for _, r := range roles(mustRender(t, values)) {
			if strings.Contains(r.Name, "metrics") {
				t.Errorf("%s: there is %s %s", name, r.Kind, r.Name)
			}
		}
	}
}

func TestClaimsAreNeverDeleted(t *testing.T) {
	// The value of earlier releases, as --reuse-values hands it on.
	result := mustRender(t, "operator: {remediation: {recreateUnusedClaims: true}}")
	rules := get[*rbacv1.ClusterRole](t, result, "windlass-operator").Rules
	claims := 0
	for _, rule := range rules {
		if !slices.Contains(rule.Resources, "persistentvolumeclaims") {
			continue
		}
		claims++
		if diff := cmp.Diff([]string{"get", "list", "watch", "create", "patch"}, rule.Verbs); diff != "" {
			t.Errorf("verbs of claims (-want +got):\n%s", diff)
		}
	}
	if claims != 1 {
		t.Errorf("%d rules are about claims, want 1", claims)
	}
}

func TestRolesCanBeLeftToSomebodyElse(t *testing.T) {
	tests := map[string]struct {
		values string
		want   []string
	}{
		"rbac.create false leaves the aggregated roles alone":  {values: "rbac: {create: false}", want: []string{"windlass-view", "windlass-edit"}},
		"rbac.aggregateClusterRoles false leaves the programs": {values: "rbac: {aggregateClusterRoles: false}", want: []string{"windlass-operator", "windlass-test", "windlass-webhook", "windlass-operator", "windlass-test", "windlass-webhook"}},
		"both false leave none":                                {values: "rbac: {create: false, aggregateClusterRoles: false}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, role := range roles(mustRender(t, test.values)) {
				got = append(got, role.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
		})
	}
}

// TestThePluginAsksForWhatTheChartGrants: kubectl windlass check asks the API server for every right of the two programs,
// and for no other.
func TestThePluginAsksForWhatTheChartGrants(t *testing.T) {
	for _, provider := range []string{"self", "cert-manager"} {
		found := roles(mustRender(t, "certificates: {provider: "+provider+"}"))
		asked := &probe.Roles{
			Namespace: namespace, Mutating: "windlass", Validating: "windlass", CertManager: provider == "cert-manager",
			SelfSecret: "windlass-webhook-self-cert", CertManagerSecret: "windlass-webhook-tls", Certificate: "windlass-webhook",
		}
		for program, rights := range map[string]probe.Rights{
			"windlass-operator": asked.OperatorRights(), "windlass-webhook": asked.WebhookRights(),
		} {
			if diff := cmp.Diff(grants(found, program), texts(rights)); diff != "" {
				t.Errorf("%s with certificates of %s (-granted +asked for):\n%s", program, provider, diff)
			}
		}
	}
}

// grants are all that the roles of a name grant, as texts in order.
func grants(found []role, name string) []string {
	var out probe.Rights
	for _, r := range found {
		if r.Name != name {
			continue
		}
		for _, rule := range r.Rules {
			out = append(out, granted(&rule, r.Kind == "Role")...)
		}
	}
	return texts(out)
}

// granted are the rights that a rule grants, in the release's namespace or in all.
func granted(rule *rbacv1.PolicyRule, inNamespace bool) (out probe.Rights) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				for _, name := range names {
					right := authorizationv1.ResourceAttributes{Verb: verb, Group: group, Name: name}
					right.Resource, right.Subresource, _ = strings.Cut(resource, "/")
					if inNamespace {
						right.Namespace = namespace
					}
					out = append(out, right)
				}
			}
		}
	}
	return out
}

// texts are rights as texts in order.
func texts(rights probe.Rights) []string {
	out := make([]string, len(rights))
	for i, right := range rights {
		out[i] = strings.Join([]string{right.Verb, right.Resource, right.Subresource, right.Group, right.Name, right.Namespace}, " ")
	}
	slices.Sort(out)
	return out
}
