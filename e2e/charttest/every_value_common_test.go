// SPDX-License-Identifier: Apache-2.0

package charttest

import "fmt"

// arg is the place of one argument of a program.
func arg(component, argument string) string {
	return inPod(component, fmt.Sprintf("containers[0].args[?(@==%q)]", argument))
}

// argument is a row whose value is nothing but an argument of a program.
func argument(component, values, argument string) effect {
	return effect{values: values, want: map[string]string{arg(component, argument): argument}}
}

// inPod is a place in the spec of a program's Pods.
func inPod(component, path string) string {
	return fmt.Sprintf("Deployment/windlass-%s {.spec.template.spec.%s}", component, path)
}

// in is a place in an object of a program, whose name is that of the component.
func in(kind, component, path string) string {
	return fmt.Sprintf("%s/windlass-%s {%s}", kind, component, path)
}

var commonEffects = map[string]effect{
	"global": {unrendered: "it is there for charts that depend on this one"},
	"nameOverride": {values: "nameOverride: wl", want: map[string]string{
		"Deployment/windlass-wl-operator {.metadata.labels.app\\.kubernetes\\.io/name}": "wl",
	}},
	"fullnameOverride": {values: "fullnameOverride: wl", want: map[string]string{
		"Deployment/wl-operator {.metadata.name}":       "wl-operator",
		"Deployment/windlass-operator {.metadata.name}": "<none>",
	}},
	"commonLabels": {values: "commonLabels: {team: platform}", want: map[string]string{
		in("Deployment", "operator", ".metadata.labels.team"):               "platform",
		in("Deployment", "operator", ".spec.template.metadata.labels.team"): "platform",
		in("Service", "webhook", ".metadata.labels.team"):                   "platform",
	}},
	"commonAnnotations": {values: "commonAnnotations: {owner: me}", want: map[string]string{
		in("Deployment", "webhook", ".metadata.annotations.owner"):               "me",
		in("Deployment", "webhook", ".spec.template.metadata.annotations.owner"): "me",
	}},
	"extraObjects": {
		values: "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}, data: {in: '{{ .Release.Namespace }}'}}]",
		want:   map[string]string{"ConfigMap/mine {.data.in}": "windlass-system"},
	},
	"image.registry":   {values: set("image.registry", "r.example"), want: images("r.example/windlass-operator/windlass:0.1.0")},
	"image.repository": {values: set("image.repository", "w"), want: images("ghcr.io/w:0.1.0")},
	"image.tag":        {values: set("image.tag", "v9"), want: images("ghcr.io/windlass-operator/windlass:v9")},
	"image.digest": {
		values: set("image.digest", "sha256:"+sixtyFour), want: images("ghcr.io/windlass-operator/windlass@sha256:" + sixtyFour),
	},
	"image.pullPolicy": {values: set("image.pullPolicy", "Always"), want: map[string]string{
		inPod("operator", "containers[0].imagePullPolicy"): "Always", inPod("webhook", "containers[0].imagePullPolicy"): "Always",
	}},
	"imagePullSecrets": {values: "imagePullSecrets: [{name: pull}]", want: map[string]string{
		inPod("operator", "imagePullSecrets[0].name"): "pull", inPod("webhook", "imagePullSecrets[0].name"): "pull",
	}},
	"logging.level": {values: set("logging.level", "debug"), want: map[string]string{
		arg("operator", "--log-level=debug"): "--log-level=debug", arg("webhook", "--log-level=debug"): "--log-level=debug",
	}},
	"logging.format": {values: set("logging.format", "text"), want: map[string]string{
		arg("operator", "--log-format=text"): "--log-format=text", arg("webhook", "--log-format=text"): "--log-format=text",
	}},
	"profiles.enabled": {values: set("profiles.enabled", "true"), want: map[string]string{
		arg("operator", "--pprof-bind-address=127.0.0.1:6060"): "--pprof-bind-address=127.0.0.1:6060",
		arg("webhook", "--pprof-bind-address=127.0.0.1:6060"):  "--pprof-bind-address=127.0.0.1:6060",
	}},
	"profiles.port": {given: set("profiles.enabled", "true"), values: set("profiles.port", "7070"), want: map[string]string{
		arg("operator", "--pprof-bind-address=127.0.0.1:7070"): "--pprof-bind-address=127.0.0.1:7070",
		arg("webhook", "--pprof-bind-address=127.0.0.1:7070"):  "--pprof-bind-address=127.0.0.1:7070",
	}},
}

const sixtyFour = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// images is what a reference changes: every container of the chart.
func images(reference string) map[string]string {
	return map[string]string{
		inPod("operator", "containers[0].image"): reference, inPod("webhook", "containers[0].image"): reference,
		"Pod/windlass-test {.spec.containers[0].image}": reference,
	}
}

// programEffects are the values that both programs have.
func programEffects(component string) map[string]effect {
	deployment := func(path string) string { return in("Deployment", component, path) }
	one := func(name, value, place, want string) effect {
		return effect{values: set(component+"."+name, value), want: map[string]string{place: want}}
	}
	effects := map[string]effect{
		"replicas":                      one("replicas", "3", deployment(".spec.replicas"), "3"),
		"revisionHistoryLimit":          one("revisionHistoryLimit", "7", deployment(".spec.revisionHistoryLimit"), "7"),
		"strategy":                      one("strategy", "{rollingUpdate: {maxSurge: 4}}", deployment(".spec.strategy.rollingUpdate.maxSurge"), "4"),
		"terminationGracePeriodSeconds": one("terminationGracePeriodSeconds", "77", inPod(component, "terminationGracePeriodSeconds"), "77"),
		"healthPort":                    one("healthPort", "8999", inPod(component, `containers[0].ports[?(@.name=="health")].containerPort`), "8999"),
		"clientConnection.qps":          argument(component, set(component+".clientConnection.qps", "7"), "--kube-api-qps=7"),
		"clientConnection.burst":        argument(component, set(component+".clientConnection.burst", "8"), "--kube-api-burst=8"),
		"resources":                     one("resources", "{limits: {cpu: 3}}", inPod(component, "containers[0].resources.limits.cpu"), "3"),
		"podSecurityContext":            one("podSecurityContext", "{fsGroup: 9}", inPod(component, "securityContext.fsGroup"), "9"),
		"securityContext":               one("securityContext", "{runAsUser: 9}", inPod(component, "containers[0].securityContext.runAsUser"), "9"),
		"nodeSelector":                  one("nodeSelector", "{disk: ssd}", inPod(component, "nodeSelector.disk"), "ssd"),
		"tolerations":                   one("tolerations", "[{key: infra}]", inPod(component, "tolerations[0].key"), "infra"),
		"affinity":                      one("affinity", "{nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5, preference: {}}]}}", inPod(component, "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight"), "5"),
		"topologySpreadConstraints":     one("topologySpreadConstraints", "[{topologyKey: rack, maxSkew: 2, whenUnsatisfiable: DoNotSchedule}]", inPod(component, "topologySpreadConstraints[*].topologyKey"), "rack"),
		"priorityClassName":             one("priorityClassName", "high", inPod(component, "priorityClassName"), "high"),
		"podLabels":                     one("podLabels", "{mesh: 'off'}", deployment(".spec.template.metadata.labels.mesh"), "off"),
		"podAnnotations":                one("podAnnotations", "{note: x}", deployment(".spec.template.metadata.annotations.note"), "x"),
		"extraArgs":                     argument(component, set(component+".extraArgs", "[--custom]"), "--custom"),
		"extraEnv":                      one("extraEnv", "[{name: A, value: b}]", inPod(component, `containers[0].env[?(@.name=="A")].value`), "b"),
		"extraVolumes":                  one("extraVolumes", "[{name: ca, configMap: {name: roots}}]", inPod(component, `volumes[?(@.name=="ca")].configMap.name`), "roots"),
		"extraVolumeMounts":             one("extraVolumeMounts", "[{name: ca, mountPath: /ca}]", inPod(component, `containers[0].volumeMounts[?(@.name=="ca")].mountPath`), "/ca"),
		"initContainers":                one("initContainers", "[{name: wait, image: w}]", inPod(component, "initContainers[0].image"), "w"),
		"serviceAccount.create":         one("serviceAccount.create", "false", in("ServiceAccount", component, ".metadata.name"), "<none>"),
		"serviceAccount.name":           one("serviceAccount.name", "mine", "ServiceAccount/mine {.metadata.name}", "mine"),
		"serviceAccount.annotations":    one("serviceAccount.annotations", "{role: r}", in("ServiceAccount", component, ".metadata.annotations.role"), "r"),
		"serviceAccount.automount":      one("serviceAccount.automount", "true", in("ServiceAccount", component, ".automountServiceAccountToken"), "true"),
		"podDisruptionBudget.enabled":   one("podDisruptionBudget.enabled", "false", in("PodDisruptionBudget", component, ".metadata.name"), "<none>"),
		"podDisruptionBudget.maxUnavailable": one("podDisruptionBudget.maxUnavailable", "50%",
			in("PodDisruptionBudget", component, ".spec.maxUnavailable"), "50%"),
		"podDisruptionBudget.minAvailable": one("podDisruptionBudget", `{maxUnavailable: "", minAvailable: 1}`,
			in("PodDisruptionBudget", component, ".spec.minAvailable"), "1"),
		"podDisruptionBudget.unhealthyPodEvictionPolicy": one("podDisruptionBudget.unhealthyPodEvictionPolicy", "IfHealthyBudget",
			in("PodDisruptionBudget", component, ".spec.unhealthyPodEvictionPolicy"), "IfHealthyBudget"),
	}
	named := map[string]effect{}
	for name, effect := range effects {
		named[component+"."+name] = effect
	}
	return named
}
