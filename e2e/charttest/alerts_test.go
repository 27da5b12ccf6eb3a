// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/e2e/internal/checkout"
)

const (
	alertTests = "testdata/alerts.yaml"
	runbooks   = "../../docs/runbooks"
)

// alerts are those of the chart, by name.
func alerts(t *testing.T) map[string]monitoringv1.Rule {
	t.Helper()
	out := map[string]monitoringv1.Rule{}
	for _, group := range get[*monitoringv1.PrometheusRule](t, mustRender(t, allMonitoring), "windlass").Spec.Groups {
		for _, rule := range group.Rules {
			out[rule.Alert] = rule
		}
	}
	return out
}

// TestAlertsFireWhenTheyShouldAndNotOtherwise has promtool run the rules on the series of testdata/alerts.yaml. It
// compares summaries; the other annotations are too long for that, and promtool tries their templates all the same.
func TestAlertsFireWhenTheyShouldAndNotOtherwise(t *testing.T) {
	promtool, err := checkout.Tool(t.Context(), "promtool")
	if err != nil {
		t.Fatal(err)
	}
	spec := get[*monitoringv1.PrometheusRule](t, mustRender(t, allMonitoring), "windlass").Spec
	directory := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), promtool, args...)
		command.Dir = directory
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	write(t, filepath.Join(directory, "whole.yaml"), spec)
	run("check", "rules", "whole.yaml")
	for _, group := range spec.Groups {
		for i := range group.Rules {
			group.Rules[i].Annotations = map[string]string{"summary": group.Rules[i].Annotations["summary"]}
		}
	}
	write(t, filepath.Join(directory, "rules.yaml"), spec)
	content, err := os.ReadFile(alertTests)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "alerts.yaml"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	run("test", "rules", "alerts.yaml")
}

func write(t *testing.T, path string, object any) {
	t.Helper()
	content, err := sigsyaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEachAlertIsTestedBothWays holds the file of promtool's tests to the alerts that there are: one case in which each
// fires, and one in which it does not.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	content, err := os.ReadFile(alertTests)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string `json:"alertname"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := sigsyaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, each := range test.AlertRuleTest {
			if len(each.ExpAlerts) > 0 {
				fires[each.Alertname] = true
			} else {
				rests[each.Alertname] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(alerts(t)))
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(fires))); diff != "" {
		t.Errorf("alerts of a case that fires (-alerts +%s):\n%s", alertTests, diff)
	}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(rests))); diff != "" {
		t.Errorf("alerts of a case that does not (-alerts +%s):\n%s", alertTests, diff)
	}
}

// TestEachAlertHasARunbookAndEachRunbookAnAlert: whoever is woken by an alert finds its page, with all of its parts.
func TestEachAlertHasARunbookAndEachRunbookAnAlert(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, path := range found {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(path), ".md")] = string(content)
	}
	all := alerts(t)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(pages))); diff != "" {
		t.Errorf("alerts and runbooks (-alerts +%s):\n%s", runbooks, diff)
	}
	for name, rule := range all {
		if want := "https://github.com/windlass-operator/windlass/blob/main/docs/runbooks/" + name + ".md"; rule.Annotations["runbook_url"] != want {
			t.Errorf("%s has runbook_url %q, want %s", name, rule.Annotations["runbook_url"], want)
		}
		for _, part := range []string{
			"# " + name + "\n", "| severity | " + rule.Labels["severity"] + " |", "## Meaning", "## Impact", "## Diagnosis", "## What to do",
		} {
			if !strings.Contains(pages[name], part) {
				t.Errorf("the runbook of %s has no %q", name, part)
			}
		}
	}
}
