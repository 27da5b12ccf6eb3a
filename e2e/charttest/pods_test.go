// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func deployments(r *rendered) []*appsv1.Deployment {
	return all[*appsv1.Deployment](r)
}

func container(t *testing.T, r *rendered, deployment string) corev1.Container {
	t.Helper()
	containers := get[*appsv1.Deployment](t, r, deployment).Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%s has %d containers, want 1", deployment, len(containers))
	}
	return containers[0]
}

func TestPodsMeetTheRestrictedPodSecurityLevel(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	for _, deployment := range deployments(mustRender(t, "")) {
		template := deployment.Spec.Template
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
		if !result.Allowed {
			t.Errorf("%s: %s", deployment.Name, result.ForbiddenDetail())
		}
		if root := template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem; root == nil || !*root {
			t.Errorf("%s may write to its root file system", deployment.Name)
		}
	}
}

func TestArguments(t *testing.T) {
	tests := map[string]struct {
		values     string
		deployment string
		want       []string
	}{
		"the operator's, without values": {
			deployment: "windlass-operator",
			want: []string{
				"--leader-elect=true", "--metrics-bind-address=:8080", "--health-probe-bind-address=:8081", "--log-level=info",
				"--log-format=json", "--kube-api-qps=0", "--kube-api-burst=100", "--sidecarset-workers=4",
				"--statefulset-workers=8", "--schedpatch-workers=4", "--parallel-writes=64", "--image-pre-download=FirstNode",
				"--excluded-namespaces=kube-system,kube-node-lease,windlass-system",
				"--webhook-service=windlass-webhook", "--mutating-webhook-configuration=windlass",
			},
		},
		"the operator's, with every value that matters to it": {
			deployment: "windlass-operator",
			values: `
operator:
  replicas: 1
  leaderElection: {enabled: false}
  concurrency: {sidecarSets: 8, statefulSets: 9, schedPatches: 10, podWrites: 11}
  imagePreDownload: Off
  clientConnection: {qps: 1000000, burst: 2000000}
  extraArgs: ["--custom=a b"]
metrics: {enabled: false}
logging: {level: debug, format: text}
webhook: {excludedNamespaces: [cni, kube-system]}
`,
			want: []string{
				"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=:8081", "--log-level=debug",
				"--log-format=text", "--kube-api-qps=1000000", "--kube-api-burst=2000000", "--sidecarset-workers=8",
				"--statefulset-workers=9", "--schedpatch-workers=10", "--parallel-writes=11", "--image-pre-download=Off",
				"--excluded-namespaces=kube-system,kube-node-lease,windlass-system,cni", "--webhook-service=windlass-webhook", "--mutating-webhook-configuration=windlass", "--custom=a b",
			},
		},
		"the webhook's, without values": {
			deployment: "windlass-webhook",
			want: []string{
				"--port=9443", "--metrics-bind-address=:8080", "--health-probe-bind-address=:8081", "--log-level=info",
				"--log-format=json", "--kube-api-qps=50", "--kube-api-burst=100", "--service-name=windlass-webhook",
				"--mutating-webhook-configuration=windlass", "--validating-webhook-configuration=windlass",
				"--cert-provider=self", "--cert-secret-name=windlass-webhook-self-cert",
				"--cert-manager-secret-name=windlass-webhook-tls", "--cert-manager-certificate=windlass-webhook", "--ca-validity=87600h",
				"--cert-validity=8760h", "--cert-rotate-before=2160h", "--cert-check-interval=12h",
				"--excluded-namespaces=kube-system,kube-node-lease,windlass-system",
				"--policy-file=/etc/windlass/policy.json", "--patch-rules-file=/etc/windlass/patch-rules.json",
			},
		},
		"the webhook's, with every value that matters to it": {
			deployment: "windlass-webhook",
			values: `
webhook:
  port: 10250
  clientConnection: {qps: 5, burst: 6}
  extraArgs: [--custom]
  excludedNamespaces: [cni]
certificates: {secretName: mine, caValidity: 48h, validity: 24h, rotateBefore: 1h30m, checkInterval: 10s}
metrics: {port: 9090}
schedPatch: {allowedTolerations: [node-role.kubernetes.io/control-plane, "*"]}
`,
			want: []string{
				"--port=10250", "--metrics-bind-address=:9090", "--health-probe-bind-address=:8081", "--log-level=info",
				"--log-format=json", "--kube-api-qps=5", "--kube-api-burst=6", "--service-name=windlass-webhook",
				"--mutating-webhook-configuration=windlass", "--validating-webhook-configuration=windlass",
				"--cert-provider=self", "--cert-secret-name=mine",
				"--cert-manager-secret-name=windlass-webhook-tls", "--cert-manager-certificate=windlass-webhook", "--ca-validity=48h",
				"--cert-validity=24h", "--cert-rotate-before=1h30m", "--cert-check-interval=10s",
				"--excluded-namespaces=kube-system,kube-node-lease,windlass-system,cni",
				"--allowed-tolerations=node-role.kubernetes.io/control-plane,*",
				"--policy-file=/etc/windlass/policy.json", "--patch-rules-file=/etc/windlass/patch-rules.json", "--custom",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := container(t, mustRender(t, test.values), test.deployment)
			if diff := cmp.Diff(test.want, got.Args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			wantCommand := []string{"/" + strings.TrimPrefix(test.deployment, "windlass-")}
			if diff := cmp.Diff(wantCommand, got.Command); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	tests := map[string]struct {
		values string
		want   string
	}{
		"without values it is the chart's own version": {want: "ghcr.io/windlass-operator/windlass:" + "0.1.0"},
		"a tag replaces the version":                   {values: "image: {tag: v9}", want: "ghcr.io/windlass-operator/windlass:v9"},
		"a digest decides over a tag":                  {values: "image: {tag: v9, digest: '" + digest + "'}", want: "ghcr.io/windlass-operator/windlass@" + digest},
		"another registry and repository":              {values: "image: {registry: 'localhost:5000', repository: w}", want: "localhost:5000/w:0.1.0"},
		"without a registry the repository is the whole name": {
			values: "image: {registry: '', repository: docker.io/me/w}", want: "docker.io/me/w:0.1.0",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := mustRender(t, test.values)
			for _, deployment := range deployments(result) {
				if got := container(t, result, deployment.Name).Image; got != test.want {
					t.Errorf("image of %s = %s, want %s", deployment.Name, got, test.want)
				}
			}
		})
	}
}

// TestSelectorsFindTheirPodsAlone guards against a Service or a budget that takes in the other program's Pods.
func TestSelectorsFindTheirPodsAlone(t *testing.T) {
	result := mustRender(t, "")
	selectors := map[string]labels.Selector{}
	for _, service := range all[*corev1.Service](result) {
		selectors[service.Name] = labels.SelectorFromSet(service.Spec.Selector)
	}
	for _, deployment := range deployments(result) {
		selectors["Deployment "+deployment.Name] = labels.SelectorFromSet(deployment.Spec.Selector.MatchLabels)
	}
	for _, budget := range all[*policyv1.PodDisruptionBudget](result) {
		selectors["PodDisruptionBudget "+budget.Name] = labels.SelectorFromSet(budget.Spec.Selector.MatchLabels)
	}
	for name, selector := range selectors {
		for _, deployment := range deployments(result) {
			want := strings.Contains(name, deployment.Name)
			if got := selector.Matches(labels.Set(deployment.Spec.Template.Labels)); got != want {
				t.Errorf("%s selects the Pods of %s: %t, want %t", name, deployment.Name, got, want)
			}
		}
	}
}

// TestPortsHaveTheirNames makes sure that Services and probes point at a port that the container has.
func TestPortsHaveTheirNames(t *testing.T) {
	result := mustRender(t, "")
	for _, service := range all[*corev1.Service](result) {
		for _, deployment := range deployments(result) {
			if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(deployment.Spec.Template.Labels)) {
				continue
			}
			for _, port := range service.Spec.Ports {
				if !hasPort(container(t, result, deployment.Name), port.TargetPort.StrVal) {
					t.Errorf("Service %s points at port %s, which %s does not have", service.Name, port.TargetPort.StrVal, deployment.Name)
				}
			}
		}
	}
	for _, deployment := range deployments(result) {
		program := container(t, result, deployment.Name)
		for _, probe := range []*corev1.Probe{program.LivenessProbe, program.ReadinessProbe} {
			if !hasPort(program, probe.HTTPGet.Port.StrVal) {
				t.Errorf("a probe of %s asks port %s, which it does not have", deployment.Name, probe.HTTPGet.Port.StrVal)
			}
		}
	}
}

func hasPort(container corev1.Container, name string) bool {
	return slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool { return port.Name == name })
}

func TestWithoutMetricsNothingServesThem(t *testing.T) {
	result := mustRender(t, "metrics: {enabled: false}")
	var services []string
	for _, service := range all[*corev1.Service](result) {
		services = append(services, service.Name)
	}
	if diff := cmp.Diff([]string{"windlass-webhook"}, services); diff != "" {
		t.Errorf("Services (-want +got):\n%s", diff)
	}
	for _, deployment := range deployments(result) {
		if hasPort(container(t, result, deployment.Name), "metrics") {
			t.Errorf("%s still has a port for metrics", deployment.Name)
		}
	}
}

func TestServiceAccounts(t *testing.T) {
	tests := map[string]struct {
		values       string
		wantAccounts int
		wantName     string
	}{
		"each program and helm test have their own": {wantAccounts: 3, wantName: "windlass-operator"},
		"a name may be given":                       {values: "operator: {serviceAccount: {name: mine}}", wantAccounts: 3, wantName: "mine"},
		"one that is there already may be used":     {values: "operator: {serviceAccount: {create: false, name: theirs}}", wantAccounts: 2, wantName: "theirs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := mustRender(t, test.values)
			if got := len(all[*corev1.ServiceAccount](result)); got != test.wantAccounts {
				t.Errorf("%d ServiceAccounts, want %d", got, test.wantAccounts)
			}
			if got := get[*appsv1.Deployment](t, result, "windlass-operator").Spec.Template.Spec.ServiceAccountName; got != test.wantName {
				t.Errorf("the operator runs as %s, want %s", got, test.wantName)
			}
		})
	}
}
