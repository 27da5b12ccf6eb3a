// SPDX-License-Identifier: Apache-2.0

package charttest

import "fmt"

const rule = "PrometheusRule/windlass"

var metricsEffects = map[string]effect{
	"metrics.enabled": {values: set("metrics.enabled", "false"), want: map[string]string{
		"Service/windlass-operator-metrics {.metadata.name}": "<none>",
		"Service/windlass-webhook-metrics {.metadata.name}":  "<none>",
		arg("operator", "--metrics-bind-address=0"):          "--metrics-bind-address=0",
		arg("webhook", "--metrics-bind-address=0"):           "--metrics-bind-address=0",
	}},
	"metrics.port": {given: set("networkPolicy.enabled", "true"), values: set("metrics.port", "9090"), want: map[string]string{
		"Service/windlass-operator-metrics {.spec.ports[0].port}":                   "9090",
		"Service/windlass-webhook-metrics {.spec.ports[0].port}":                    "9090",
		arg("operator", "--metrics-bind-address=:9090"):                             "--metrics-bind-address=:9090",
		arg("webhook", "--metrics-bind-address=:9090"):                              "--metrics-bind-address=:9090",
		inPod("webhook", `containers[0].ports[?(@.name=="metrics")].containerPort`): "9090",
		in("NetworkPolicy", "operator", ".spec.ingress[0].ports[0].port"):           "9090",
		in("NetworkPolicy", "webhook", ".spec.ingress[1].ports[0].port"):            "9090",
	}},
	"metrics.perObject": {values: set("metrics.perObject", "false"), want: map[string]string{
		arg("operator", "--per-object-metrics=false"): "--per-object-metrics=false",
	}},
	"metrics.secure.enabled": {given: monitoredSecurely, values: set("metrics.secure.enabled", "true"), want: secured},
	"metrics.secure.readers": {
		given: set("metrics.secure.enabled", "true"), values: set("metrics.secure.readers", "[{kind: ServiceAccount, name: prom, namespace: monitoring}]"),
		want: map[string]string{"ClusterRoleBinding/windlass-metrics-reader {.subjects[0].name}": "prom"},
	},
	"metrics.serviceMonitor.bearerTokenFile": monitoredSecure("bearerTokenFile", "/token", ".spec.endpoints[0].bearerTokenFile", "/token"),
	"metrics.serviceMonitor.authorization": monitoredSecure("authorization", "{credentials: {name: a, key: b}}",
		".spec.endpoints[0].authorization.credentials.name", "a"),
	"metrics.serviceMonitor.tlsConfig": monitoredSecure("tlsConfig", "{insecureSkipVerify: true}",
		".spec.endpoints[0].tlsConfig.insecureSkipVerify", "true"),
	"metrics.service.annotations": {values: set("metrics.service.annotations", "{a: b}"), want: map[string]string{
		"Service/windlass-operator-metrics {.metadata.annotations.a}": "b",
		"Service/windlass-webhook-metrics {.metadata.annotations.a}":  "b",
	}},
	"metrics.serviceMonitor.enabled":           {values: set("metrics.serviceMonitor.enabled", "true"), want: monitors(".spec.endpoints[0].port", "metrics")},
	"metrics.serviceMonitor.namespace":         monitored("namespace", "monitoring", ".metadata.namespace", "monitoring"),
	"metrics.serviceMonitor.labels":            monitored("labels", "{release: prom}", ".metadata.labels.release", "prom"),
	"metrics.serviceMonitor.interval":          monitored("interval", "7s", ".spec.endpoints[0].interval", "7s"),
	"metrics.serviceMonitor.scrapeTimeout":     monitored("scrapeTimeout", "3s", ".spec.endpoints[0].scrapeTimeout", "3s"),
	"metrics.serviceMonitor.metricRelabelings": monitored("metricRelabelings", "[{action: drop}]", ".spec.endpoints[0].metricRelabelings[0].action", "drop"),
	"metrics.prometheusRule.enabled": {values: set("metrics.prometheusRule.enabled", "true"), want: map[string]string{
		rule + " {.metadata.namespace}": "windlass-system",
	}},
	"metrics.prometheusRule.namespace":   ruled("namespace", "monitoring", ".metadata.namespace", "monitoring"),
	"metrics.prometheusRule.labels":      ruled("labels", "{release: prom}", ".metadata.labels.release", "prom"),
	"metrics.prometheusRule.alertLabels": ruled("alertLabels", "{team: sre}", ".spec.groups[0].rules[0].labels.team", "sre"),
	"metrics.prometheusRule.runbookURL": ruled("runbookURL", "https://wiki.example/windlass/", ".spec.groups[0].rules[0].annotations.runbook_url",
		"https://wiki.example/windlass/WindlassWebhookDown.md"),
	"metrics.dashboard.enabled": {values: set("metrics.dashboard.enabled", "true"), want: map[string]string{
		dashboard + " {.metadata.labels.grafana_dashboard}": "1",
	}},
	"metrics.dashboard.namespace":   shown("namespace", "grafana", ".metadata.namespace", "grafana"),
	"metrics.dashboard.labels":      shown("labels", "{mine: '2'}", ".metadata.labels.mine", "2"),
	"metrics.dashboard.annotations": shown("annotations", "{folder: Ops}", ".metadata.annotations.folder", "Ops"),
}

const monitoredSecurely = "metrics: {serviceMonitor: {enabled: true}}"

// secured is what changes when metrics are served over TLS.
var secured = map[string]string{
	arg("operator", "--metrics-secure"):                                                         "--metrics-secure",
	arg("webhook", "--metrics-secure"):                                                          "--metrics-secure",
	inPod("operator", `volumes[?(@.name=="metrics-certificate")].secret.secretName`):            "windlass-webhook-self-cert",
	inPod("operator", `containers[0].volumeMounts[?(@.name=="metrics-certificate")].mountPath`): "/metrics-certificate",
	"ClusterRole/windlass-metrics-auth {.rules[0].resources[0]}":                                "tokenreviews",
	"ClusterRole/windlass-metrics-reader {.rules[0].nonResourceURLs[0]}":                        "/metrics",
	in("ServiceMonitor", "operator", ".spec.endpoints[0].scheme"):                               "https",
	in("ServiceMonitor", "webhook", ".spec.endpoints[0].tlsConfig.serverName"):                  "windlass-webhook.windlass-system.svc",
	in("ServiceMonitor", "webhook", ".spec.endpoints[0].tlsConfig.ca.secret.name"):              "windlass-webhook-self-cert",
	in("ServiceMonitor", "webhook", ".spec.endpoints[0].bearerTokenFile"):                       "/var/run/secrets/kubernetes.io/serviceaccount/token",
}

const dashboard = "ConfigMap/windlass-dashboard"

// monitors is one place in both ServiceMonitors.
func monitors(path, want string) map[string]string {
	return map[string]string{in("ServiceMonitor", "operator", path): want, in("ServiceMonitor", "webhook", path): want}
}

func monitored(name, value, path, want string) effect {
	return effect{given: set("metrics.serviceMonitor.enabled", "true"), values: set("metrics.serviceMonitor."+name, value), want: monitors(path, want)}
}

func monitoredSecure(name, value, path, want string) effect {
	return effect{
		given:  "metrics: {secure: {enabled: true}, serviceMonitor: {enabled: true}}",
		values: set("metrics.serviceMonitor."+name, value), want: monitors(path, want),
	}
}

func ruled(name, value, path, want string) effect {
	return effect{
		given: set("metrics.prometheusRule.enabled", "true"), values: set("metrics.prometheusRule."+name, value),
		want: map[string]string{fmt.Sprintf("%s {%s}", rule, path): want},
	}
}

func shown(name, value, path, want string) effect {
	return effect{
		given: set("metrics.dashboard.enabled", "true"), values: set("metrics.dashboard."+name, value),
		want: map[string]string{fmt.Sprintf("%s {%s}", dashboard, path): want},
	}
}
