// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	badLabel  = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`
	badKey    = `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`
	badValue  = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`
	badCount  = `must be a number of Pods from 1 up, or a percentage from "1%" to "100%"`
	inPlace   = `cannot change in a running Pod, and podUpdatePolicy InPlaceOnly allows no other way; set it to InPlaceIfPossible or ReCreate to have Pods replaced`
	growsOnly = `cannot change under volumeClaimUpdateStrategy OnPodRollingUpdate, which can only make claims larger; set the type to OnDelete to change it for new claims`
	newOnly   = `set volumeClaimUpdateStrategy.type to OnDelete to change it for new claims only`
	storage   = `spec.volumeClaimTemplates[0].spec.resources.requests[storage]`

	onlyInPlace = `spec: {updateStrategy: {rollingUpdate: {podUpdatePolicy: InPlaceOnly}}}`
	expanding   = withData + `
  volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}
`
)

// claim is a change to one claim template, data.
func claim(spec string) string {
	return `spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: ` + spec + `}]}`
}

// sized is a claim template data of a StorageClass and a size.
func sized(class, size string) string {
	return claim(`{` + class + `accessModes: [ReadWriteOnce], resources: {requests: {storage: ` + size + `}}}`)
}

// pod is a change to the template's spec that replaces its containers.
func pod(spec string) string { return `spec: {template: {spec: ` + spec + `}}` }

// app is a change to the only container.
func app(fields string) string {
	return pod(`{containers: [{name: app, image: "app:1", ` + fields + `}]}`)
}

func rolling(fields string) string {
	return `spec: {updateStrategy: {rollingUpdate: ` + fields + `}}`
}

func unordered(priority string) string {
	return `spec: {podManagementPolicy: Parallel, updateStrategy: {rollingUpdate: {unorderedUpdate: {priorityStrategy: ` + priority + `}}}}`
}

// TestEveryRefusal is the list of all refusals, word for word.
func TestEveryRefusal(t *testing.T) {
	type refusal struct {
		given
		want string
	}
	for name, test := range map[string]refusal{
		// The set's name and numbers.
		"a name with a dot": {
			given{change: `metadata: {name: web.shop}`},
			`metadata.name: Invalid value: "web.shop": is the first part of the hostnames of Pods: must not contain dots`},
		"a name that leaves no room for an ordinal": {
			given{change: `metadata: {name: ` + strings.Repeat("a", 62) + `}`},
			`metadata.name: Invalid value: "` + strings.Repeat("a", 62) + `": must leave room for the ordinals: the hostnames of Pods are <name>-<ordinal> and may have 63 characters`},
		"a name that leaves no room for the last ordinal": {
			given{change: `{metadata: {name: ` + strings.Repeat("a", 61) + `}, spec: {replicas: 11}}`},
			`metadata.name: Invalid value: "` + strings.Repeat("a", 61) + `": must leave room for the ordinals: the hostnames of Pods are <name>-<ordinal> and may have 63 characters`},
		"negative replicas": {
			given{change: `spec: {replicas: -1}`},
			`spec.replicas: Invalid value: -1: must be 0 or more`},
		"a negative history": {
			given{change: `spec: {revisionHistoryLimit: -1}`},
			`spec.revisionHistoryLimit: Invalid value: -1: must be 0 or more`},
		"negative minReadySeconds": {
			given{change: `spec: {minReadySeconds: -1}`},
			`spec.minReadySeconds: Invalid value: -1: must be 0 or more`},
		"a progress deadline of 0": {
			given{change: `spec: {progressDeadlineSeconds: 0}`},
			`spec.progressDeadlineSeconds: Invalid value: 0: must be 1 or more`},
		"a serviceName that cannot be": {
			given{change: `spec: {serviceName: Web}`},
			`spec.serviceName: Invalid value: "Web": cannot be the name of a Service: ` + badLabel},
		"an unknown podManagementPolicy": {
			given{change: `spec: {podManagementPolicy: Random}`},
			`spec.podManagementPolicy: Unsupported value: "Random": supported values: "OrderedReady", "Parallel"`},
		"an unknown retention on deletion": {
			given{change: `spec: {persistentVolumeClaimRetentionPolicy: {whenDeleted: Recycle}}`},
			`spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Recycle": supported values: "Retain", "Delete"`},
		"an unknown retention on scaling": {
			given{change: `spec: {persistentVolumeClaimRetentionPolicy: {whenScaled: Recycle}}`},
			`spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Recycle": supported values: "Retain", "Delete"`},
		"an unknown claim update": {
			given{change: `spec: {volumeClaimUpdateStrategy: {type: Always}}`},
			`spec.volumeClaimUpdateStrategy.type: Unsupported value: "Always": supported values: "OnDelete", "OnPodRollingUpdate"`},
		"an unknown protection": {
			given{change: `metadata: {labels: {policy.kruise.io/delete-protection: always}}`},
			`metadata.labels[policy.kruise.io/delete-protection]: Unsupported value: "always": supported values: "Always", "Cascading"`},
		"an empty protection": {
			given{change: `metadata: {labels: {policy.kruise.io/delete-protection: ""}}`},
			`metadata.labels[policy.kruise.io/delete-protection]: Unsupported value: "": supported values: "Always", "Cascading"`},

		// The selector.
		"no selector": {
			given{change: `spec: {selector: null}`},
			`spec.selector: Required value: a StatefulSet must say by which labels its Pods are known`},
		"an empty selector": {
			given{change: `spec: {selector: {matchLabels: null}}`},
			`spec.selector: Invalid value: "{}": must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions`},
		"a selector with an unknown operator": {
			given{change: `spec: {selector: {matchExpressions: [{key: app, operator: Like}]}}`},
			`spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`},
		"a selector that does not match the template": {
			given{change: `spec: {selector: {matchLabels: {app: db}}}`},
			`spec.template.metadata.labels: Invalid value: "app=web": must be matched by spec.selector, which is app=db`},
		"a template without labels": {
			given{change: `spec: {template: {metadata: {labels: null}}}`},
			`spec.template.metadata.labels: Invalid value: "<none>": must be matched by spec.selector, which is app=web`},

		// The template.
		"no container": {
			given{change: pod(`{containers: []}`)},
			`spec.template.spec.containers: Required value`},
		"a container without image": {
			given{change: pod(`{containers: [{name: app}]}`)},
			`spec.template.spec.containers[0].image: Required value`},
		"two containers of one name": {
			given{change: pod(`{containers: [{name: app, image: a}, {name: app, image: b}]}`)},
			`spec.template.spec.containers[1].name: Duplicate value: "app"`},
		"Pods that are not restarted": {
			given{change: pod(`{restartPolicy: OnFailure}`)},
			`spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"`},
		"Pods with an end": {
			given{change: pod(`{activeDeadlineSeconds: 60}`)},
			`spec.template.spec.activeDeadlineSeconds: Forbidden: the Pods of a StatefulSet run without an end: remove it`},
		"an ephemeral container": {
			given{change: pod(`{ephemeralContainers: [{name: debug, image: debug, targetContainerName: app, imagePullPolicy: Always, terminationMessagePolicy: File}]}`)},
			`spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template`},
		"a bad label of the template": {
			given{change: `spec: {template: {metadata: {labels: {tier: "a b"}}}}`},
			`spec.template.metadata.labels: Invalid value: "a b": ` + badValue},
		"a bad annotation of the template": {
			given{change: `spec: {template: {metadata: {annotations: {"a b": c}}}}`},
			`spec.template.metadata.annotations: Invalid value: "a b": ` + badKey},
		"a mount without volume": {
			given{change: app(`volumeMounts: [{name: logs, mountPath: /logs}]`)},
			`spec.template.spec.containers[0].volumeMounts[0].name: Not found: "logs": must be a volume of the template or the name of a claim template, of which there are none`},
		"a mount of another claim": {
			given{base: withData, change: app(`volumeMounts: [{name: logs, mountPath: /logs}]`)},
			`spec.template.spec.containers[0].volumeMounts[0].name: Not found: "logs": must be a volume of the template or the name of a claim template, of which there are data`},
		"a device without volume": {
			given{base: withData, change: app(`volumeDevices: [{name: disk, devicePath: /dev/disk}]`)},
			`spec.template.spec.containers[0].volumeDevices[0].name: Not found: "disk": must be a volume of the template or the name of a claim template, of which there are data`},
		"a volume of two kinds, beside a claim": {
			given{base: withData, change: pod(`{volumes: [{name: scratch, emptyDir: {}, hostPath: {path: /tmp}}]}`)},
			`spec.template.spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type`},
		"limits below requests": {
			given{change: app(`resources: {requests: {cpu: 2}, limits: {cpu: 1}}`)},
			`spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},

		// The claim templates.
		"a claim without name": {
			given{change: `spec: {volumeClaimTemplates: [{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			`spec.volumeClaimTemplates[0].metadata.name: Required value: containers mount the claim by this name`},
		"a claim whose name cannot be that of a volume": {
			given{change: `spec: {volumeClaimTemplates: [{metadata: {name: my.data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			`spec.volumeClaimTemplates[0].metadata.name: Invalid value: "my.data": must be usable as the name of a Pod's volume: must not contain dots`},
		"two claims of one name": {
			given{change: `spec: {volumeClaimTemplates: [
				{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}},
				{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}}]}`},
			`spec.volumeClaimTemplates[1].metadata.name: Duplicate value: "data"`},
		"a claim without access mode": {
			given{change: claim(`{resources: {requests: {storage: 1Gi}}}`)},
			`spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required`},
		"a claim without size": {
			given{change: claim(`{accessModes: [ReadWriteOnce]}`)},
			// The path is Kubernetes' own.
			`spec.volumeClaimTemplates[0].spec.resources[storage]: Required value`},
		"a claim of no size": {
			given{change: sized("", "0")},
			`spec.volumeClaimTemplates[0].spec.resources[storage]: Invalid value: "0": must be greater than zero`},
		"a claim with a bad label": {
			given{change: `spec: {volumeClaimTemplates: [{metadata: {name: data, labels: {tier: "a b"}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			`spec.volumeClaimTemplates[0].metadata.labels: Invalid value: "a b": ` + badValue},
		"a claim with a bad annotation": {
			given{change: `spec: {volumeClaimTemplates: [{metadata: {name: data, annotations: {"a b": c}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			`spec.volumeClaimTemplates[0].metadata.annotations: Invalid value: "a b": ` + badKey},

		// Ordinals.
		"a negative first ordinal": {
			given{change: `spec: {ordinals: {start: -1}}`},
			`spec.ordinals.start: Invalid value: -1: must be 0 or more`},
		"a negative reserved ordinal": {
			given{change: `spec: {reserveOrdinals: [1, -1]}`},
			`spec.reserveOrdinals[1]: Invalid value: -1: must be an ordinal from 0 up`},
		"a reserved ordinal that is quoted": {
			given{change: `spec: {reserveOrdinals: ["5"]}`},
			`spec.reserveOrdinals[0]: Invalid value: "5": must be an ordinal from 0 up, as a number, or a range of ordinals such as "5-8"`},
		"a reserved range with blanks": {
			given{change: `spec: {reserveOrdinals: ["5 - 8"]}`},
			`spec.reserveOrdinals[0]: Invalid value: "5 - 8": must be an ordinal from 0 up, as a number, or a range of ordinals such as "5-8"`},
		"a reserved range that runs backwards": {
			given{change: `spec: {reserveOrdinals: [1, "2-2", "8-5"]}`},
			`spec.reserveOrdinals[2]: Invalid value: "8-5": must begin with the lower ordinal: write "5-8"`},
		"a reserved range that ends nowhere": {
			given{change: `spec: {reserveOrdinals: ["5-2147483648"]}`},
			`spec.reserveOrdinals[0]: Invalid value: "5-2147483648": must end at 2147483647, the largest ordinal, or before`},
		"reserved ordinals that leave too few": {
			given{change: `spec: {reserveOrdinals: ["0-2147483645"]}`},
			`spec.reserveOrdinals: Invalid value: 1: together with ordinals.start and replicas leaves ordinals up to 2147483648, which are too large: the largest one is 2147483647`},

		// How Pods are updated.
		"an unknown type of update": {
			given{change: `spec: {updateStrategy: {type: Recreate}}`},
			`spec.updateStrategy.type: Unsupported value: "Recreate": supported values: "RollingUpdate", "OnDelete"`},
		"an unknown podUpdatePolicy": {
			given{change: rolling(`{podUpdatePolicy: InPlace}`)},
			`spec.updateStrategy.rollingUpdate.podUpdatePolicy: Unsupported value: "InPlace": supported values: "ReCreate", "InPlaceIfPossible", "InPlaceOnly"`},
		"a negative partition": {
			given{change: rolling(`{partition: -1}`)},
			`spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be 0 or more`},
		"maxUnavailable 0": {
			given{change: rolling(`{maxUnavailable: 0}`)},
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0": ` + badCount},
		"maxUnavailable 0%": {
			given{change: rolling(`{maxUnavailable: "0%"}`)},
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": ` + badCount},
		"maxUnavailable over 100%": {
			given{change: rolling(`{maxUnavailable: "101%"}`)},
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": ` + badCount},
		"maxUnavailable in quotes": {
			given{change: rolling(`{maxUnavailable: "2"}`)},
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "2": ` + badCount},
		"minReadySeconds over 300 in a rolling update": {
			given{change: rolling(`{minReadySeconds: 301}`)},
			`spec.updateStrategy.rollingUpdate.minReadySeconds: Invalid value: 301: must be a number from 0 to 300`},
		"a negative grace period": {
			given{change: rolling(`{inPlaceUpdateStrategy: {gracePeriodSeconds: -1}}`)},
			`spec.updateStrategy.rollingUpdate.inPlaceUpdateStrategy.gracePeriodSeconds: Invalid value: -1: must be 0 or more`},
		"an unordered update of ordered Pods": {
			given{change: rolling(`{unorderedUpdate: {}}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate: Forbidden: needs podManagementPolicy Parallel; remove it, or make a StatefulSet with Parallel`},
		"both kinds of priority": {
			given{change: unordered(`{orderPriority: [{orderedKey: rank}], weightPriority: [{weight: 1, matchSelector: {matchLabels: {a: b}}}]}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate.priorityStrategy: Forbidden: has both orderPriority and weightPriority; keep one of the two`},
		"a weight over 100": {
			given{change: unordered(`{weightPriority: [{weight: 101, matchSelector: {matchLabels: {a: b}}}]}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate.priorityStrategy.weightPriority[0].weight: Invalid value: 101: must be a number from 0 to 100`},
		"a weight for every Pod": {
			given{change: unordered(`{weightPriority: [{weight: 1}]}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate.priorityStrategy.weightPriority[0].matchSelector: Invalid value: "{}": must not be empty: it would match every Pod; give at least one entry in matchLabels or matchExpressions`},
		"a weight whose selector is malformed": {
			given{change: unordered(`{weightPriority: [{weight: 1, matchSelector: {matchExpressions: [{key: a, operator: In}]}}]}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate.priorityStrategy.weightPriority[0].matchSelector.matchExpressions[0].values: Required value: must be specified when ` + "`operator`" + ` is 'In' or 'NotIn'`},
		"an order by what cannot be a label": {
			given{change: unordered(`{orderPriority: [{orderedKey: "my rank"}]}`)},
			`spec.updateStrategy.rollingUpdate.unorderedUpdate.priorityStrategy.orderPriority[0].orderedKey: Invalid value: "my rank": ` + badKey},

		// How the set scales.
		"scaling of ordered Pods by two": {
			given{change: `spec: {scaleStrategy: {maxUnavailable: 2}}`},
			`spec.scaleStrategy.maxUnavailable: Forbidden: other than 1 needs podManagementPolicy Parallel: OrderedReady starts one Pod after the other`},
		"scaling by nothing": {
			given{change: `spec: {podManagementPolicy: Parallel, scaleStrategy: {maxUnavailable: "0%"}}`},
			`spec.scaleStrategy.maxUnavailable: Invalid value: "0%": ` + badCount},

		// Hooks.
		"a hook without handlers": {
			given{change: `spec: {lifecycle: {preDelete: {markPodNotReady: true}}}`},
			`spec.lifecycle.preDelete: Required value: must have an entry in labelsHandler or finalizersHandler by which Pods are held: without any it holds none; remove the hook if that is meant`},
		"a hook by a key that cannot be": {
			given{change: `spec: {lifecycle: {inPlaceUpdate: {labelsHandler: {"a b": c}}}}`},
			`spec.lifecycle.inPlaceUpdate.labelsHandler: Invalid value: "a b": ` + badKey},
		"a hook by a value that cannot be": {
			given{change: `spec: {lifecycle: {preNormal: {labelsHandler: {a: "b c"}}}}`},
			`spec.lifecycle.preNormal.labelsHandler: Invalid value: "b c": ` + badValue},
		"a hook by a finalizer without domain": {
			given{change: `spec: {lifecycle: {preDelete: {finalizersHandler: [example.com/a, hold]}}}`},
			`spec.lifecycle.preDelete.finalizersHandler[1]: Invalid value: "hold": must be qualified by a domain, such as "example.com/hold"`},
		"a hook by a finalizer that cannot be": {
			given{change: `spec: {lifecycle: {preDelete: {finalizersHandler: ["example.com/a b"]}}}`},
			`spec.lifecycle.preDelete.finalizersHandler[0]: Invalid value: "example.com/a b": cannot be the name of a finalizer: ` + badKey},

		// Changes under InPlaceOnly.
		"another command in place": {
			given{base: onlyInPlace, update: true, change: app(`command: [run]`)},
			`spec.template.spec.containers[app].command: Forbidden: ` + inPlace},
		"another command with the switch to InPlaceOnly": {
			given{update: true, change: `spec: {updateStrategy: {rollingUpdate: {podUpdatePolicy: InPlaceOnly}}, template: {spec: {containers: [{name: app, image: "app:1", command: [run]}]}}}`},
			`spec.template.spec.containers[app].command: Forbidden: ` + inPlace},
		"other resources where Pods cannot be resized": {
			given{base: onlyInPlace, before: app(`resources: {requests: {cpu: 1}}`), change: app(`resources: {requests: {cpu: 2}}`), cannotResize: true},
			`spec.template.spec.containers[app].resources.requests[cpu]: Forbidden: ` + inPlace},
		"a restart of what may not be replaced": {
			given{base: onlyInPlace, update: true, change: `spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "2026-01-02T03:04:05Z"}}}}`},
			`spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]: Forbidden: ` + inPlace},

		// Claim templates under OnPodRollingUpdate.
		"a claim template removed": {
			given{base: expanding, update: true, change: `spec: {volumeClaimTemplates: null}`},
			`spec.volumeClaimTemplates: Forbidden: must keep "data": under volumeClaimUpdateStrategy OnPodRollingUpdate no template can be removed or renamed; set the type to OnDelete to do so`},
		"a claim template renamed": {
			given{base: expanding, update: true, change: `spec: {volumeClaimTemplates: [{metadata: {name: files}, spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]}`},
			`spec.volumeClaimTemplates: Forbidden: must keep "data": under volumeClaimUpdateStrategy OnPodRollingUpdate no template can be removed or renamed; set the type to OnDelete to do so`},
		"a smaller claim": {
			given{base: expanding, update: true, change: sized("storageClassName: elastic, ", "5Gi")},
			storage + `: Invalid value: "5Gi": must be at least 10Gi, as it was: claims cannot shrink`},
		"another access mode": {
			given{base: expanding, update: true, change: claim(`{storageClassName: elastic, accessModes: [ReadWriteMany], resources: {requests: {storage: 10Gi}}}`)},
			`spec.volumeClaimTemplates[0].spec.accessModes: Forbidden: ` + growsOnly},
		"another StorageClass": {
			given{base: expanding, update: true, change: sized("storageClassName: rigid, ", "10Gi")},
			`spec.volumeClaimTemplates[0].spec.storageClassName: Forbidden: ` + growsOnly},
		"a limit of the claim": {
			given{base: expanding, update: true, change: claim(`{storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}, limits: {storage: 20Gi}}}`)},
			`spec.volumeClaimTemplates[0].spec.resources.limits: Forbidden: ` + growsOnly},
		"a changed claim with the switch to OnPodRollingUpdate": {
			given{base: withData, update: true, change: `spec: {volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}, volumeClaimTemplates: null}`},
			`spec.volumeClaimTemplates: Forbidden: must keep "data": under volumeClaimUpdateStrategy OnPodRollingUpdate no template can be removed or renamed; set the type to OnDelete to do so`},
		"a larger claim of a class that forbids it": {
			given{base: expanding, before: sized("storageClassName: rigid, ", "10Gi"), change: sized("storageClassName: rigid, ", "20Gi")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: StorageClass "rigid" does not have allowVolumeExpansion: true; ` + newOnly},
		"a larger claim of a class that says nothing": {
			given{base: expanding, before: sized("storageClassName: silent, ", "10Gi"), change: sized("storageClassName: silent, ", "20Gi")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: StorageClass "silent" does not have allowVolumeExpansion: true; ` + newOnly},
		"a larger claim of a class that is not there": {
			given{base: expanding, before: sized("storageClassName: gone, ", "10Gi"), change: sized("storageClassName: gone, ", "20Gi")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: there is no StorageClass "gone"; ` + newOnly},
		"a larger claim that wants no class": {
			given{base: expanding, before: sized(`storageClassName: "", `, "10Gi"), change: sized(`storageClassName: "", `, "20Gi")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: the claim wants no StorageClass, and only one could expand it; ` + newOnly},
		"a larger claim where no class is the default": {
			given{base: expanding, before: sized("", "10Gi"), change: sized("", "20Gi")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: the claim names no StorageClass and the cluster has no default one; ` + newOnly},
		"a larger claim of a default class that forbids it": {
			given{base: expanding, before: sized("", "10Gi"), change: sized("", "20Gi"), classes: withDefault("rigid-default")},
			storage + `: Invalid value: "20Gi": cannot grow from 10Gi: StorageClass "rigid-default" does not have allowVolumeExpansion: true; ` + newOnly},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{test.want}, errorsOf(Validate(test.input(t)))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}
