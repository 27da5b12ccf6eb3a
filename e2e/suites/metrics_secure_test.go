// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	prometheusv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/internal/checkout"
)

var _ = Describe("With the chart's metrics.secure", Ordered, Serial, func() {
	const reader, stranger = "prometheus", "stranger"
	var (
		namespace string
		ca        []byte
	)

	BeforeAll(func(ctx SpecContext) {
		namespace = newNamespace(ctx, nil)
		for _, name := range []string{reader, stranger} {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
			Expect(cluster.Client.Create(ctx, account)).To(Succeed())
		}
		readers := []any{map[string]any{"kind": "ServiceAccount", "name": reader, "namespace": namespace}}
		_, err := release.Upgrade(ctx, map[string]any{"metrics": map[string]any{"secure": map[string]any{"enabled": true, "readers": readers}}})
		Expect(err).NotTo(HaveOccurred())
		secret := &corev1.Secret{}
		Expect(cluster.Client.Get(ctx, cluster.CertificateSecret(), secret)).To(Succeed())
		ca = secret.Data["ca.crt"]
	}, NodeTimeout(framework.SpecPatience))

	AfterAll(func(ctx SpecContext) {
		_, err := release.Upgrade(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(framework.SpecPatience))

	It("each replica answers over TLS, and only who may read the metrics is told them", func(ctx SpecContext) {
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(ca)).To(BeTrue())
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: servedName(), MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
		}}
		ask := func(address, token string) (int, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", http.NoBody)
			Expect(err).NotTo(HaveOccurred())
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			response, err := client.Do(request)
			if err != nil {
				return 0, err
			}
			return response.StatusCode, response.Body.Close()
		}
		may, mayNot := tokenOf(ctx, namespace, reader), tokenOf(ctx, namespace, stranger)
		for _, pod := range programs(ctx) {
			address := forward(ctx, pod.Name)
			// The kubelet may have mounted the certificate a moment after the operator began.
			Eventually(ask).WithArguments(address, may).WithContext(ctx).Should(Equal(http.StatusOK), "a reader, of Pod %s", pod.Name)
			Expect(ask(address, mayNot)).To(Equal(http.StatusForbidden), "another account, of Pod %s", pod.Name)
			Expect(ask(address, "")).To(Equal(http.StatusUnauthorized), "nobody, of Pod %s", pod.Name)
		}
	}, SpecTimeout(framework.SpecPatience))

	It("a real Prometheus with a token reads both programs and runs the alerts, and one without a token is refused", func(ctx SpecContext) {
		directory := GinkgoT().TempDir()
		write(directory, "ca.crt", ca)
		write(directory, "token", []byte(tokenOf(ctx, namespace, reader)))
		write(directory, "alerts.yaml", alertRules(ctx))
		targets := map[string][]string{}
		for _, pod := range programs(ctx) {
			component := pod.Labels["app.kubernetes.io/component"]
			targets[component] = append(targets[component], forward(ctx, pod.Name))
		}
		prometheus, err := framework.StartPrometheus(ctx, directory, prometheusConfig(targets))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(prometheus.Stop()).To(Succeed()) })
		values := func(g Gomega, expression, by string) map[string]float64 {
			found, err := prometheus.Values(ctx, expression, by)
			g.Expect(err).NotTo(HaveOccurred())
			return found
		}

		By("reading both programs, and being refused without a token")
		Eventually(func(g Gomega) {
			g.Expect(values(g, `sum by (job) (up)`, "job")).To(Equal(map[string]float64{
				"windlass-operator-metrics": replicas, "windlass-webhook-metrics": replicas, "refused": 0,
			}))
			g.Expect(values(g, `count by (program) (windlass_build_info)`, "program")).To(Equal(map[string]float64{
				"operator": replicas, "webhook": replicas,
			}))
			all, err := prometheus.Targets(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			for _, target := range all.Active {
				if target.Labels["job"] == "refused" {
					g.Expect(target.LastError).To(ContainSubstring("401 Unauthorized"))
				}
			}
		}).WithContext(ctx).Should(Succeed())

		By("showing Pods without their sidecars, and the alert of it")
		deployment := framework.Deployment(namespace, "app", 2)
		runWorkload(ctx, deployment)
		set := createSet(ctx, framework.SidecarSet(namespace, namespace, "app"))
		states := fmt.Sprintf(`max by (state) (windlass_sidecarset_pods{sidecarset=%q})`, set.Name)
		Eventually(func(g Gomega) {
			g.Expect(values(g, states, "state")).To(And(HaveKeyWithValue("uninjected", 2.0), HaveKeyWithValue("matched", 0.0)))
			g.Expect(alertStates(ctx, g, prometheus)).To(HaveKeyWithValue("WindlassPodsNotInjected "+set.Name, prometheusv1.AlertStatePending))
		}).WithContext(ctx).Should(Succeed())

		By("forgetting the set when it is gone")
		Expect(cluster.DeleteSidecarSet(ctx, set.Name)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(values(g, states, "state")).To(BeEmpty())
			g.Expect(alertStates(ctx, g, prometheus)).NotTo(HaveKey("WindlassPodsNotInjected " + set.Name))
		}).WithContext(ctx).Should(Succeed())
	}, SpecTimeout(framework.SpecPatience))
})

// servedName is what the certificate of both programs is for.
func servedName() string {
	service := cluster.WebhookService()
	return service.Name + "." + service.Namespace + ".svc"
}

// tokenOf asks for a token of an account.
func tokenOf(ctx context.Context, namespace, account string) string {
	GinkgoHelper()
	request, err := cluster.Clientset.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return request.Status.Token
}

// forward makes the metrics of a Pod of the release reachable until the spec ends.
func forward(ctx context.Context, pod string) string {
	GinkgoHelper()
	address, stop, err := cluster.Forward(ctx, cluster.Options.Namespace, pod, metricsPort)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	return address
}

func write(directory, name string, content []byte) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(directory, name), content, 0o600)).To(Succeed())
}

// alertRules are those of the chart, as a file for Prometheus.
func alertRules(ctx context.Context) []byte {
	GinkgoHelper()
	helm, err := checkout.Tool(ctx, "helm")
	Expect(err).NotTo(HaveOccurred())
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	command := exec.CommandContext(ctx, helm, "template", framework.ReleaseName, filepath.Join(root, "charts", "windlass"),
		"--namespace", cluster.Options.Namespace, "--set", "metrics.prometheusRule.enabled=true",
		"--show-only", "templates/monitoring/prometheusrule.yaml")
	rendered, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	var rule struct {
		Spec json.RawMessage `json:"spec"`
	}
	Expect(sigsyaml.Unmarshal(rendered, &rule)).To(Succeed())
	return rule.Spec
}

// prometheusConfig reads the Pods as the chart's ServiceMonitors would have it, and once more without a token.
func prometheusConfig(targets map[string][]string) string {
	job := func(name, authorization string, addresses []string) string {
		return fmt.Sprintf(`
- job_name: %s
  scheme: https
  honor_labels: true
  tls_config: {ca_file: ca.crt, server_name: %s}
  %s
  static_configs: [{targets: [%s], labels: {namespace: %s}}]`,
			name, servedName(), authorization, strings.Join(addresses, ", "), cluster.Options.Namespace)
	}
	const withToken, without = "authorization: {credentials_file: token}", "# no token"
	return "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yaml]\nscrape_configs:" +
		job("windlass-operator-metrics", withToken, targets["operator"]) +
		job("windlass-webhook-metrics", withToken, targets["webhook"]) +
		job("refused", without, append(targets["operator"], targets["webhook"]...)) + "\n"
}

// alertStates are the states of alerts by name and SidecarSet. All rules must be in good health.
func alertStates(ctx context.Context, g Gomega, prometheus *framework.Prometheus) map[string]prometheusv1.AlertState {
	found, err := prometheus.Rules(ctx, nil)
	g.Expect(err).NotTo(HaveOccurred())
	out := map[string]prometheusv1.AlertState{}
	for _, group := range found.Groups {
		for _, rule := range group.Rules {
			alerting, ok := rule.(prometheusv1.AlertingRule)
			g.Expect(ok).To(BeTrue())
			g.Expect(alerting.Health).To(BeEquivalentTo(prometheusv1.RuleHealthGood), "%s: %s", alerting.Name, alerting.LastError)
			for _, alert := range alerting.Alerts {
				out[alerting.Name+" "+string(alert.Labels["sidecarset"])] = alert.State
			}
		}
	}
	return out
}
