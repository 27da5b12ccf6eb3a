// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = DescribeTable("a SchedPatch is refused", refuses,
	Entry("without target", schedPatch, `spec: {targetRef: null}`,
		`spec.targetRef: Required value`),
	Entry("with a target without name", schedPatch, `spec: {targetRef: {name: ""}}`,
		`spec.targetRef.name: Invalid value: "": spec.targetRef.name in body should be at least 1 chars long`),
	Entry("for a DaemonSet", schedPatch, `spec: {targetRef: {kind: DaemonSet}}`,
		`spec.targetRef.kind: Invalid value: DaemonSet is not supported: its controller picks the node before admission`),
	Entry("without any rule", schedPatch, `spec: {nodeSelector: null}`,
		`spec: Invalid value: needs at least one rule in affinity, tolerations or nodeSelector`),
	Entry("with empty rules only", schedPatch, `spec: {nodeSelector: null, tolerations: [], affinity: {nodeAffinity: {}, podAffinity: {}}}`,
		`spec: Invalid value: needs at least one rule in affinity, tolerations or nodeSelector`),
	Entry("with both ends", schedPatch, `spec: {ttlSeconds: 60, expiresAt: "2030-01-01T00:00:00Z"}`,
		`spec.ttlSeconds: Forbidden: cannot be combined with expiresAt; remove one of the two`),
	Entry("with an end that is no time", schedPatch, `spec: {expiresAt: tomorrow}`,
		`spec.expiresAt: Invalid value: "tomorrow": spec.expiresAt in body must be of type date-time: "tomorrow"`),
	Entry("with ttlSeconds 0", schedPatch, `spec: {ttlSeconds: 0}`,
		`spec.ttlSeconds: Invalid value: 0: spec.ttlSeconds in body should be greater than or equal to 1`),
	Entry("with maxPods 0", schedPatch, `spec: {maxPods: 0}`,
		`spec.maxPods: Invalid value: 0: spec.maxPods in body should be greater than or equal to 1`),
	Entry("with an unknown mode", schedPatch, `spec: {mode: Dry}`,
		`spec.mode: Unsupported value: "Dry": supported values: "Active", "Preview"`),
	Entry("with an unknown onConflict", schedPatch, `spec: {onConflict: Override}`,
		`spec.onConflict: Unsupported value: "Override": supported values: "Skip", "Reject"`),
	Entry("with a required rule without terms", schedPatch, `spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}}`,
		`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Invalid value: 0: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms in body should have at least 1 items`),
	Entry("with an empty required term", schedPatch, `spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{}]}}}}`,
		`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value: an empty term matches no node`),
	Entry("with a node weight of 0", schedPatch, `spec: {affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {matchExpressions: [{key: disk, operator: Exists}]}}]}}}`,
		`spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight in body should be greater than or equal to 1`),
	Entry("with a Pod weight of 101", schedPatch, `spec: {affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, podAffinityTerm: {topologyKey: zone}}]}}}`,
		`spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight in body should be less than or equal to 100`),
	Entry("with Gt with two values", schedPatch, `spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: size, operator: Gt, values: ["1", "2"]}]}]}}}}`,
		`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]: Invalid value: operators Gt and Lt need exactly one entry in values`),
	Entry("with an empty topologyKey", schedPatch, `spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: ""}]}}}`,
		`spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": is ""; must be the key of a node label, such as kubernetes.io/hostname`),
	Entry("with a topologyKey that is no label key", schedPatch, `spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: "the zone"}]}}}`,
		`spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "the zone": is "the zone"; must be the key of a node label, such as kubernetes.io/hostname`),
	Entry("with a toleration of nothing", schedPatch, `spec: {tolerations: [{value: a}]}`,
		`spec.tolerations[0]: Invalid value: without a key needs operator Exists`),
	Entry("with Exists and a value", schedPatch, `spec: {tolerations: [{key: k, operator: Exists, value: a}]}`,
		`spec.tolerations[0]: Invalid value: with operator Exists cannot have a value`),
	Entry("with tolerationSeconds without NoExecute", schedPatch, `spec: {tolerations: [{key: k, operator: Exists, tolerationSeconds: 5}]}`,
		`spec.tolerations[0]: Invalid value: with tolerationSeconds needs effect NoExecute`),
	Entry("with an unknown toleration operator", schedPatch, `spec: {tolerations: [{key: k, operator: In}]}`,
		`spec.tolerations[0].operator: Unsupported value: "In": supported values: "Exists", "Equal", "Lt", "Gt"`),
	Entry("with an unknown taint effect", schedPatch, `spec: {tolerations: [{key: k, operator: Exists, effect: NoRun}]}`,
		`spec.tolerations[0].effect: Unsupported value: "NoRun": supported values: "", "NoSchedule", "PreferNoSchedule", "NoExecute"`),
	Entry("with a node label value that is none", schedPatch, `spec: {nodeSelector: {disk: "very fast"}}`,
		`spec.nodeSelector.disk: Invalid value: "very fast": spec.nodeSelector.disk in body should match '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'`),
)

var _ = Describe("a SchedPatch with 65 required terms", func() {
	It("is refused, naming the limit", func(ctx SpecContext) {
		patch := object(schedPatch)
		terms := make([]any, 65)
		for i := range terms {
			terms[i] = parse(`matchExpressions: [{key: disk, operator: Exists}]`)
		}
		setNested(patch, terms, "spec", "affinity", "nodeAffinity",
			"requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
		Expect(refusal(k8s.Create(ctx, patch, client.DryRunAll))).To(Equal(`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Too many: 65: must have at most 64 items`))
	})
})
