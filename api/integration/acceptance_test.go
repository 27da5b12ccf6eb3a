// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What OpenKruise admits, and what Kubernetes admits for apps/v1, must go on being admitted.
var _ = DescribeTable("the API accepts", func(ctx SpecContext, base, change string) {
	Expect(k8s.Create(ctx, object(base, change), client.DryRunAll)).To(Succeed())
},
	Entry("a SidecarSet with an empty status", sidecarSet, `status: {}`),
	Entry("a SidecarSet with maxUnavailable 0", sidecarSet, `spec: {updateStrategy: {maxUnavailable: 0}}`),
	Entry("a SidecarSet with maxUnavailable 100%", sidecarSet, `spec: {updateStrategy: {maxUnavailable: "100%"}}`),
	Entry("a SidecarSet with an update selector and partition 0", sidecarSet,
		`spec: {updateStrategy: {partition: 0, selector: {matchLabels: {canary: "true"}}}}`),
	Entry("a SidecarSet with selector and partition that does not update", sidecarSet,
		`spec: {updateStrategy: {type: NotUpdate, partition: 2, selector: {matchLabels: {canary: "true"}}}}`),
	Entry("a SidecarSet with selector and partition whose injection follows them", sidecarSet,
		`spec: {updateStrategy: {partition: "50%", selector: {matchLabels: {canary: "true"}}}, injectionStrategy: {revision: {customVersion: v1, policy: Partial}}}`),
	Entry("a SidecarSet with init containers only", sidecarSet,
		`spec: {containers: null, initContainers: [{name: setup, image: "setup:1"}]}`),
	Entry("a SidecarSet that updates a native sidecar", sidecarSet,
		`spec: {initContainers: [{name: mesh, image: "mesh:1", restartPolicy: Always}], updateStrategy: {type: RollingUpdate}}`),
	Entry("a SidecarSet with both namespace and namespaceSelector", sidecarSet,
		`spec: {namespace: shop, namespaceSelector: {matchLabels: {team: shop}}}`),
	Entry("a SidecarSet with a name of 63 characters", sidecarSet,
		named("a23456789012345678901234567890123456789012345678901234567890123")),

	Entry("a StatefulSet with an empty status", statefulSet, `status: {}`),
	Entry("a StatefulSet with the status of apps/v1", statefulSet, `status: {replicas: 3, currentReplicas: 3}`),
	Entry("a StatefulSet with OnDelete without rollingUpdate", statefulSet, `spec: {updateStrategy: {type: OnDelete}}`),
	Entry("a StatefulSet with OnDelete as read back, with rollingUpdate", statefulSet,
		`spec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 0}}}`),
	Entry("a StatefulSet with OrderedReady and several unavailable Pods", statefulSet,
		`spec: {updateStrategy: {rollingUpdate: {maxUnavailable: "50%"}}}`),
	Entry("a StatefulSet with an unordered update of parallel Pods", statefulSet,
		`spec: {podManagementPolicy: Parallel, updateStrategy: {rollingUpdate: {unorderedUpdate: {}}}}`),
	Entry("a StatefulSet with reserved ordinals and ranges", statefulSet, `spec: {reserveOrdinals: [0, "5-8", 12]}`),
	Entry("a StatefulSet with minReadySeconds of apps/v1", statefulSet, `spec: {minReadySeconds: 900}`),
	Entry("a StatefulSet with auto remediation by its defaults", statefulSet, `spec: {autoRemediation: {enabled: true}}`),
	Entry("a StatefulSet with auto remediation off and a short deadline", statefulSet,
		`spec: {progressDeadlineSeconds: 60, autoRemediation: {enabled: false}}`),

	Entry("a SchedPatch with one toleration", schedPatch,
		`spec: {nodeSelector: null, tolerations: [{key: disk, operator: Exists, effect: NoSchedule}]}`),
	Entry("a SchedPatch with one preferred rule", schedPatch,
		`spec: {nodeSelector: null, affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
			{weight: 100, podAffinityTerm: {topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {app: web}}}}]}}}`),
	Entry("a SchedPatch with a required term on a field", schedPatch,
		`spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
			{matchFields: [{key: metadata.name, operator: NotIn, values: [node-7]}]}]}}}}`),
	Entry("a SchedPatch with an empty block beside a rule", schedPatch, `spec: {affinity: {}, tolerations: []}`),
	Entry("a SchedPatch for a kind nobody knows", schedPatch, `spec: {targetRef: {apiVersion: example.com/v1, kind: Database}}`),
)
