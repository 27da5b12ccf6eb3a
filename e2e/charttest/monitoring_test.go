// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	_ "github.com/windlass-operator/windlass/hack/metricsdoc/registered" // the metrics of both programs
)

const allMonitoring = "metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}"

// notOurs are the metrics of alerts and panels that another program has: Prometheus itself, and the API server.
var notOurs = []string{"up", "apiserver_admission_webhook_fail_open_count"}

func TestAlertsAndPanelsAskForMetricsThatExist(t *testing.T) {
	known := append(metricNames(t), notOurs...)
	result := mustRender(t, allMonitoring)
	expressions := slices.Concat(alertExpressions(t, result), panelExpressions(t, result))
	if len(expressions) < 20 {
		t.Fatalf("%d expressions are too few to be all", len(expressions))
	}
	for _, expression := range expressions {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if ok && !slices.Contains(known, selector.Name) && !slices.Contains(known, strings.TrimSuffix(selector.Name, "_bucket")) {
				t.Errorf("%s: no program of ours has the metric %s", expression, selector.Name)
			}
			return nil
		})
	}
}

var fullyQualifiedName = regexp.MustCompile(`fqName: "([^"]+)"`)

// metricNames are those of all metrics that our programs register.
func metricNames(t *testing.T) []string {
	t.Helper()
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatalf("the registry of metrics, a %T, cannot describe them", metrics.Registry)
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	var names []string
	for description := range descriptions {
		names = append(names, fullyQualifiedName.FindStringSubmatch(description.String())[1])
	}
	return names
}

func alertExpressions(t *testing.T, r *rendered) []string {
	t.Helper()
	var expressions []string
	for _, group := range get[*monitoringv1.PrometheusRule](t, r, "windlass").Spec.Groups {
		for _, rule := range group.Rules {
			expressions = append(expressions, rule.Expr.String())
		}
	}
	return expressions
}

// panelExpressions are the dashboard's, with Grafana's variables replaced by something that Prometheus can parse.
func panelExpressions(t *testing.T, r *rendered) []string {
	t.Helper()
	var shown struct {
		Templating struct {
			List []struct {
				Query any
			}
		}
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(get[*corev1.ConfigMap](t, r, "windlass-dashboard").Data["windlass.json"]), &shown); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$operator", "o", "$webhook", "w")
	var expressions []string
	for _, panel := range shown.Panels {
		for _, target := range panel.Targets {
			expressions = append(expressions, variables.Replace(target.Expr))
		}
	}
	for _, variable := range shown.Templating.List {
		if query, ok := variable.Query.(map[string]any); ok {
			metric := strings.TrimPrefix(query["query"].(string), "label_values(")
			expressions = append(expressions, strings.TrimSuffix(metric, ", job)"))
		}
	}
	return expressions
}

// TestTheDashboardShowsRolloutsAsATable: which object is how far, and what needs a person, at a glance.
func TestTheDashboardShowsRolloutsAsATable(t *testing.T) {
	var shown struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct {
				Expr    string
				Format  string
				Instant bool
			}
		}
	}
	if err := json.Unmarshal([]byte(get[*corev1.ConfigMap](t, mustRender(t, allMonitoring), "windlass-dashboard").Data["windlass.json"]), &shown); err != nil {
		t.Fatal(err)
	}
	ids, tables := map[int]bool{}, map[string]string{}
	taken := map[[2]int]string{}
	for _, panel := range shown.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the id %d", panel.ID)
		}
		ids[panel.ID] = true
		for x := range panel.GridPos.W {
			for y := range panel.GridPos.H {
				place := [2]int{panel.GridPos.X + x, panel.GridPos.Y + y}
				if other := taken[place]; other != "" {
					t.Fatalf("panels %s and %s lie on one another", other, panel.Title)
				}
				taken[place] = panel.Title
			}
		}
		if panel.Type != "table" {
			continue
		}
		for _, target := range panel.Targets {
			if target.Format != "table" || !target.Instant {
				t.Errorf("%s: %s is not asked for as a row of a table", panel.Title, target.Expr)
			}
			tables[panel.Title] += target.Expr + "\n"
		}
	}
	for title, kind := range map[string]string{"SidecarSets": "sidecarset", "StatefulSets": "statefulset"} {
		for _, metric := range []string{"_pods{state=", "_stalled", "_paused_timestamp_seconds"} {
			if !strings.Contains(tables[title], "windlass_"+kind+metric) {
				t.Errorf("the table of %s has no column of windlass_%s%s", title, kind, metric)
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, group := range get[*monitoringv1.PrometheusRule](t, mustRender(t, allMonitoring), "windlass").Spec.Groups {
		for _, rule := range group.Rules {
			if seen[rule.Alert] {
				t.Errorf("%s is there twice", rule.Alert)
			}
			seen[rule.Alert] = true
			if !strings.HasPrefix(rule.Alert, "Windlass") || rule.Annotations["summary"] == "" || len(rule.Annotations["description"]) < 100 {
				t.Errorf("%s: a summary or a description that helps is missing: %v", rule.Alert, rule.Annotations)
			}
			if severity := rule.Labels["severity"]; severity != "warning" && severity != "critical" {
				t.Errorf("%s has severity %q", rule.Alert, severity)
			}
		}
	}
}

// TestServiceMonitorsFindTheirServiceAlone also holds the jobs of the alerts to those that Prometheus will call the
// targets by: the Service's name.
func TestServiceMonitorsFindTheirServiceAlone(t *testing.T) {
	result := mustRender(t, allMonitoring)
	alerts := strings.Join(alertExpressions(t, result), "\n")
	for _, monitor := range all[*monitoringv1.ServiceMonitor](result) {
		selector := labels.SelectorFromSet(monitor.Spec.Selector.MatchLabels)
		var found []string
		for _, service := range all[*corev1.Service](result) {
			hasPort := slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == monitor.Spec.Endpoints[0].Port })
			if hasPort && selector.Matches(labels.Set(service.Labels)) {
				found = append(found, service.Name)
			}
		}
		if want := monitor.Name + "-metrics"; len(found) != 1 || found[0] != want || !strings.Contains(alerts, `job="`+want+`"`) {
			t.Errorf("ServiceMonitor %s finds the Services %v, and the alerts are about the job %s", monitor.Name, found, want)
		}
	}
}
