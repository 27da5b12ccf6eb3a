// SPDX-License-Identifier: Apache-2.0

package charttest

import "fmt"

var operatorEffects = map[string]effect{
	"operator.leaderElection.enabled": {
		given: "operator: {replicas: 1}", values: set("operator.leaderElection.enabled", "false"),
		want: map[string]string{arg("operator", "--leader-elect=false"): "--leader-elect=false"},
	},
	"operator.concurrency.sidecarSets":  argument("operator", set("operator.concurrency.sidecarSets", "5"), "--sidecarset-workers=5"),
	"operator.concurrency.statefulSets": argument("operator", set("operator.concurrency.statefulSets", "5"), "--statefulset-workers=5"),
	"operator.concurrency.schedPatches": argument("operator", set("operator.concurrency.schedPatches", "5"), "--schedpatch-workers=5"),
	"operator.concurrency.podWrites":    argument("operator", set("operator.concurrency.podWrites", "5"), "--parallel-writes=5"),
	"operator.imagePreDownload":         argument("operator", set("operator.imagePreDownload", "EveryNode"), "--image-pre-download=EveryNode"),
}

// reviews is a place in the Mutating- or ValidatingWebhookConfiguration.
func reviews(kind, webhook, path string) string {
	return fmt.Sprintf("%sWebhookConfiguration/windlass {.webhooks[?(@.name==%q)].%s}", kind, webhook+".apps.kruise.io", path)
}

// ofWebhooks is what a value of all webhooks for one kind changes.
func ofWebhooks(path, want string, configured ...string) map[string]string {
	places := map[string]string{}
	for i := 0; i < len(configured); i += 2 {
		places[reviews(configured[i], configured[i+1], path)] = want
	}
	return places
}

var webhookEffects = map[string]effect{
	"webhook.port": {given: "networkPolicy: {enabled: true}", values: set("webhook.port", "10250"), want: map[string]string{
		arg("webhook", "--port=10250"):                                              "--port=10250",
		inPod("webhook", `containers[0].ports[?(@.name=="webhook")].containerPort`): "10250",
		in("NetworkPolicy", "webhook", ".spec.ingress[0].ports[0].port"):            "10250",
		in("NetworkPolicy", "operator", ".spec.egress[1].ports[0].port"):            "10250",
	}},
	"webhook.hostNetwork": {given: "networkPolicy: {enabled: true}", values: set("webhook.hostNetwork", "true"), want: map[string]string{
		inPod("webhook", "hostNetwork"):                       "true",
		inPod("webhook", "dnsPolicy"):                         "ClusterFirstWithHostNet",
		in("NetworkPolicy", "operator", ".spec.egress[1].to"): "",
	}},
	"webhook.dnsPolicy":           {values: set("webhook.dnsPolicy", "Default"), want: map[string]string{inPod("webhook", "dnsPolicy"): "Default"}},
	"webhook.service.annotations": {values: set("webhook.service.annotations", "{a: b}"), want: map[string]string{in("Service", "webhook", ".metadata.annotations.a"): "b"}},
	"webhook.clientCA.bundle": {values: set("webhook.clientCA.bundle", "'-----BEGIN CERTIFICATE-----'"), want: map[string]string{
		"ConfigMap/windlass-client-ca {.data.ca\\.crt}":                                         "-----BEGIN CERTIFICATE-----",
		arg("webhook", clientCAFile):                                                            clientCAFile,
		inPod("webhook", `volumes[?(@.name=="client-ca")].projected.sources[0].configMap.name`): "windlass-client-ca",
		inPod("webhook", `containers[0].volumeMounts[?(@.name=="client-ca")].mountPath`):        "/etc/windlass-client-ca",
	}},
	"webhook.clientCA.configMap.name": clientCAFrom("configMap", "name", "name"),
	"webhook.clientCA.configMap.key":  clientCAFrom("configMap", "key", "items[0].key"),
	"webhook.clientCA.secret.name":    clientCAFrom("secret", "name", "name"),
	"webhook.clientCA.secret.key":     clientCAFrom("secret", "key", "items[0].key"),
	"webhook.clientCA.allowedNames": {given: "webhook: {clientCA: {secret: {name: ca}}}", values: set("webhook.clientCA.allowedNames", "[a, b]"),
		want: map[string]string{arg("webhook", "--client-names=a,b"): "--client-names=a,b"}},
	"webhook.failurePolicy.pods": {values: set("webhook.failurePolicy.pods", "Fail"),
		want: ofWebhooks("failurePolicy", "Fail", "Mutating", "pods.best-effort")},
	"webhook.failurePolicy.sidecarSets": {values: set("webhook.failurePolicy.sidecarSets", "Ignore"),
		want: ofWebhooks("failurePolicy", "Ignore", "Mutating", "sidecarsets", "Validating", "sidecarsets")},
	"webhook.failurePolicy.schedPatches": {values: set("webhook.failurePolicy.schedPatches", "Ignore"),
		want: ofWebhooks("failurePolicy", "Ignore", "Validating", "schedpatches")},
	"webhook.failurePolicy.statefulSets": {values: set("webhook.failurePolicy.statefulSets", "Ignore"),
		want: ofWebhooks("failurePolicy", "Ignore", "Validating", "statefulsets", "Validating", "statefulset-deletions")},
	"webhook.timeoutSeconds.pods": {values: set("webhook.timeoutSeconds.pods", "7"),
		want: ofWebhooks("timeoutSeconds", "7", "Mutating", "pods.best-effort", "Mutating", "pods.enforced")},
	"webhook.timeoutSeconds.sidecarSets": {values: set("webhook.timeoutSeconds.sidecarSets", "7"),
		want: ofWebhooks("timeoutSeconds", "7", "Mutating", "sidecarsets", "Validating", "sidecarsets")},
	"webhook.timeoutSeconds.schedPatches": {values: set("webhook.timeoutSeconds.schedPatches", "7"),
		want: ofWebhooks("timeoutSeconds", "7", "Validating", "schedpatches")},
	"webhook.timeoutSeconds.statefulSets": {values: set("webhook.timeoutSeconds.statefulSets", "7"),
		want: ofWebhooks("timeoutSeconds", "7", "Validating", "statefulsets", "Validating", "statefulset-deletions")},
	"webhook.reinvocationPolicy": {values: set("webhook.reinvocationPolicy", "Never"),
		want: ofWebhooks("reinvocationPolicy", "Never", "Mutating", "pods.best-effort", "Mutating", "pods.enforced")},
	"webhook.enforced.imageMirrors": {values: set("webhook.enforced.imageMirrors", "[r.example/mirror, s.example]"),
		want: map[string]string{arg("webhook", "--enforced-image-mirrors=r.example/mirror,s.example"): "--enforced-image-mirrors=r.example/mirror,s.example"}},
	"webhook.enforced.allowOptOut": {values: set("webhook.enforced.allowOptOut", "true"),
		want: map[string]string{arg("webhook", "--enforced-allow-opt-out"): "--enforced-allow-opt-out"}},
	"webhook.excludedNamespaces": {values: set("webhook.excludedNamespaces", "[cni]"), want: map[string]string{
		reviews("Mutating", "pods.best-effort", "namespaceSelector.matchExpressions[0].values[?(@==\"cni\")]"): "cni",
		reviews("Mutating", "pods.enforced", "namespaceSelector.matchExpressions[0].values[?(@==\"cni\")]"):    "cni",
		arg("operator", excludingCNI): excludingCNI,
		arg("webhook", excludingCNI):  excludingCNI,
	}},
	"webhook.annotations": {values: set("webhook.annotations", "{a: b}"), want: map[string]string{
		"MutatingWebhookConfiguration/windlass {.metadata.annotations.a}":   "b",
		"ValidatingWebhookConfiguration/windlass {.metadata.annotations.a}": "b",
	}},
	"webhook.shutdownDelaySeconds": {values: set("webhook.shutdownDelaySeconds", "9"),
		want: map[string]string{inPod("webhook", "containers[0].lifecycle.preStop.sleep.seconds"): "9"}},
}

// clientCAFrom is what a value of the object with the CAs of clients changes.
func clientCAFrom(kind, value, path string) effect {
	return effect{
		given: "webhook: {clientCA: {" + kind + ": {name: ca}}}", values: set("webhook.clientCA."+kind+"."+value, "other"),
		want: map[string]string{inPod("webhook", `volumes[?(@.name=="client-ca")].projected.sources[0].`+kind+"."+path): "other"},
	}
}

const clientCAFile = "--client-ca-file=/etc/windlass-client-ca/ca.crt"

const excludingCNI = "--excluded-namespaces=kube-system,kube-node-lease,windlass-system,cni"
