// SPDX-License-Identifier: Apache-2.0

package charttest

// policyFile is what the webhook reads of what SidecarSets may do.
const policyFile = "policy.json"

// policyRow is a row whose value is written to the file of the policy.
func policyRow(value, place, want string) effect {
	return effect{values: value, want: map[string]string{policyFile + " {" + place + "}": want}}
}

var policyEffects = map[string]effect{
	"sidecarSet.policy.images.action":        policyRow(set("sidecarSet.policy.images.action", "Deny"), ".images.action", "Deny"),
	"sidecarSet.policy.images.allowed":       policyRow(set("sidecarSet.policy.images.allowed", "[ghcr.io/acme]"), ".images.allowed[*]", "ghcr.io/acme"),
	"sidecarSet.policy.namespaces.action":    policyRow(set("sidecarSet.policy.namespaces.action", "Deny"), ".namespaces.action", "Deny"),
	"sidecarSet.policy.namespaces.protected": policyRow(set("sidecarSet.policy.namespaces.protected", "[vault]"), ".namespaces.protected[*]", "vault"),
	"sidecarSet.policy.privileged.action":    policyRow(set("sidecarSet.policy.privileged.action", "Deny"), ".privileged.action", "Deny"),
	"sidecarSet.policy.hostPaths.action":     policyRow(set("sidecarSet.policy.hostPaths.action", "Deny"), ".hostPaths.action", "Deny"),
	"sidecarSet.policy.hostPaths.allowed":    policyRow(set("sidecarSet.policy.hostPaths.allowed", "[/var/log]"), ".hostPaths.allowed[*]", "/var/log"),
	"sidecarSet.policy.hostPorts.action":     policyRow(set("sidecarSet.policy.hostPorts.action", "Deny"), ".hostPorts.action", "Deny"),
	"sidecarSet.policy.capabilities.action":  policyRow(set("sidecarSet.policy.capabilities.action", "Deny"), ".capabilities.action", "Deny"),
	"sidecarSet.policy.capabilities.allowed": policyRow(set("sidecarSet.policy.capabilities.allowed", "[NET_ADMIN]"), ".capabilities.allowed[*]", "NET_ADMIN"),
	"sidecarSet.patchPodMetadata.action":     policyRow(set("sidecarSet.patchPodMetadata.action", "Deny"), ".podAnnotations.action", "Deny"),
	"sidecarSet.patchPodMetadata.rules": {
		values: set("sidecarSet.patchPodMetadata.rules", "[{allowedAnnotationKeyExprs: [mesh]}]"),
		want:   map[string]string{"ConfigMap/kruise-configuration {.metadata.name}": "kruise-configuration"},
	},
	"schedPatch.allowedTolerations": argument("webhook", set("schedPatch.allowedTolerations", `["*"]`), "--allowed-tolerations=*"),
	"schedPatch.extraTargets": {
		values: set("schedPatch.extraTargets", "[{apiGroups: [argoproj.io], resources: [rollouts]}]"),
		want: map[string]string{
			in("ClusterRole", "operator", `.rules[?(@.apiGroups[0]=="argoproj.io")].resources[0]`): "rollouts",
			in("ClusterRole", "webhook", `.rules[?(@.apiGroups[0]=="argoproj.io")].resources[0]`):  "rollouts",
		},
	},
}

// issuerRow is a row whose value is that of the issuer, beside the name of one.
func issuerRow(value, to, place string) effect {
	return effect{
		given: "certificates: {provider: cert-manager, certManager: {issuerRef: {name: given}}}", values: set(value, to),
		want: map[string]string{"Certificate/windlass-webhook {.spec.issuerRef" + place + "}": to},
	}
}

var certificateEffects = map[string]effect{
	"certificates.provider": {values: set("certificates.provider", "cert-manager"), want: map[string]string{
		"Certificate/windlass-webhook {.metadata.name}":                                                  "windlass-webhook",
		"Secret/windlass-webhook-self-cert {.metadata.name}":                                             "<none>",
		arg("webhook", "--cert-provider=cert-manager"):                                                   "--cert-provider=cert-manager",
		"MutatingWebhookConfiguration/windlass {.metadata.annotations.cert-manager\\.io/inject-ca-from}": "windlass-system/windlass-webhook",
	}},
	"certificates.certManager.secretName": {
		given: set("certificates.provider", "cert-manager"), values: set("certificates.certManager.secretName", "mine"),
		want: map[string]string{
			"Certificate/windlass-webhook {.spec.secretName}":   "mine",
			arg("webhook", "--cert-manager-secret-name=mine"):   "--cert-manager-secret-name=mine",
			in("Role", "webhook", ".rules[0].resourceNames[1]"): "mine",
		},
	},
	"certificates.certManager.issuerRef.name":  issuerRow("certificates.certManager.issuerRef.name", "corporate", ".name"),
	"certificates.certManager.issuerRef.kind":  issuerRow("certificates.certManager.issuerRef.kind", "ClusterIssuer", ".kind"),
	"certificates.certManager.issuerRef.group": issuerRow("certificates.certManager.issuerRef.group", "acme.example.com", ".group"),
	"certificates.secretName": {values: set("certificates.secretName", "mine"), want: map[string]string{
		"Secret/mine {.metadata.name}":                      "mine",
		arg("webhook", "--cert-secret-name=mine"):           "--cert-secret-name=mine",
		in("Role", "webhook", ".rules[1].resourceNames[0]"): "mine",
	}},
	"certificates.caValidity":    argument("webhook", set("certificates.caValidity", "9999h"), "--ca-validity=9999h"),
	"certificates.validity":      argument("webhook", set("certificates.validity", "9999h"), "--cert-validity=9999h"),
	"certificates.rotateBefore":  argument("webhook", set("certificates.rotateBefore", "99h"), "--cert-rotate-before=99h"),
	"certificates.checkInterval": argument("webhook", set("certificates.checkInterval", "99h"), "--cert-check-interval=99h"),
}

var clusterEffects = map[string]effect{
	"rbac.create": {values: set("rbac.create", "false"), want: map[string]string{
		in("ClusterRole", "operator", ".metadata.name"):       "<none>",
		in("ClusterRoleBinding", "webhook", ".metadata.name"): "<none>",
		in("Role", "webhook", ".metadata.name"):               "<none>",
		in("RoleBinding", "operator", ".metadata.name"):       "<none>",
	}},
	"rbac.aggregateClusterRoles": {values: set("rbac.aggregateClusterRoles", "false"), want: map[string]string{
		in("ClusterRole", "view", ".metadata.name"): "<none>",
		in("ClusterRole", "edit", ".metadata.name"): "<none>",
	}},
	"rbac.admissionPolicies": {values: set("rbac.admissionPolicies", "false"), want: map[string]string{
		in("ValidatingAdmissionPolicy", "operator-pods", ".metadata.name"):          "<none>",
		in("ValidatingAdmissionPolicyBinding", "operator-pods", ".metadata.name"):   "<none>",
		in("ValidatingAdmissionPolicy", "webhook-ca", ".metadata.name"):             "<none>",
		in("ValidatingAdmissionPolicyBinding", "webhook-ca", ".metadata.name"):      "<none>",
		in("ValidatingAdmissionPolicy", "webhook-secrets", ".metadata.name"):        "<none>",
		in("ValidatingAdmissionPolicyBinding", "webhook-secrets", ".metadata.name"): "<none>",
	}},
	"crds.install":     {values: set("crds.install", "false"), want: definitions(".metadata.name", "<none>")},
	"crds.keep":        {values: set("crds.keep", "false"), want: definitions(".metadata.annotations.helm\\.sh/resource-policy", "")},
	"crds.annotations": {values: set("crds.annotations", "{a: b}"), want: definitions(".metadata.annotations.a", "b")},
	"crds.adopt":       {unrendered: "it lets the chart be rendered, see TestDefinitionsOfOthersAreNotTakenSilently"},
	"networkPolicy.enabled": {values: set("networkPolicy.enabled", "true"), want: map[string]string{
		in("NetworkPolicy", "operator", ".spec.policyTypes"): `["Ingress","Egress"]`,
		in("NetworkPolicy", "webhook", ".spec.policyTypes"):  `["Ingress","Egress"]`,
	}},
	"networkPolicy.metricsFrom": {
		given: set("networkPolicy.enabled", "true"), values: set("networkPolicy.metricsFrom", "[{ipBlock: {cidr: 10.1.0.0/16}}]"),
		want: map[string]string{
			in("NetworkPolicy", "operator", ".spec.ingress[0].from[0].ipBlock.cidr"): "10.1.0.0/16",
			in("NetworkPolicy", "webhook", ".spec.ingress[1].from[0].ipBlock.cidr"):  "10.1.0.0/16",
		},
	},
	"networkPolicy.webhookFrom": {
		given: set("networkPolicy.enabled", "true"), values: set("networkPolicy.webhookFrom", "[{ipBlock: {cidr: 10.0.0.0/28}}]"),
		want: map[string]string{
			in("NetworkPolicy", "webhook", ".spec.ingress[0].from[0].ipBlock.cidr"):                                          "10.0.0.0/28",
			in("NetworkPolicy", "webhook", `.spec.ingress[0].from[1].podSelector.matchLabels.app\.kubernetes\.io/component`): "operator",
		},
	},
	"networkPolicy.apiServerCIDRs": {
		given: set("networkPolicy.enabled", "true"), values: set("networkPolicy.apiServerCIDRs", "[10.0.0.1/32]"),
		want: map[string]string{
			in("NetworkPolicy", "operator", ".spec.egress[0].to[0].ipBlock.cidr"): "10.0.0.1/32",
			in("NetworkPolicy", "webhook", ".spec.egress[0].to[0].ipBlock.cidr"):  "10.0.0.1/32",
		},
	},
	"networkPolicy.apiServerPorts": {
		given: set("networkPolicy.enabled", "true"), values: set("networkPolicy.apiServerPorts", "[8443]"),
		want: map[string]string{
			in("NetworkPolicy", "operator", ".spec.egress[0].ports[*].port"): "8443",
			in("NetworkPolicy", "webhook", ".spec.egress[0].ports[*].port"):  "8443",
		},
	},
}

// definitions is one place in each CustomResourceDefinition.
func definitions(path, want string) map[string]string {
	places := map[string]string{}
	for _, kind := range []string{"sidecarsets", "statefulsets", "schedpatches"} {
		places["CustomResourceDefinition/"+kind+".apps.kruise.io {"+path+"}"] = want
	}
	return places
}
