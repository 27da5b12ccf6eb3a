// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Defaults come from the schema, so they are there without any webhook.
var _ = DescribeTable("defaults are filled in for", func(ctx SpecContext, base, change, wantSpec string) {
	created := object(base, change)
	Expect(k8s.Create(ctx, created)).To(Succeed())

	read := object(base, change)
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(created), read)).To(Succeed())
	want := object(base, change, wantSpec)
	Expect(read.Object["spec"]).To(BeComparableTo(want.Object["spec"]))
	Expect(read.Object["status"]).To(BeComparableTo(map[string]any{"observedGeneration": int64(-1)}))
},
	Entry("a SidecarSet", sidecarSet, named("defaulted"), `
spec:
  updateStrategy: {type: RollingUpdate, partition: 0, maxUnavailable: 1}
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
  repairPolicy: None
`),
	Entry("a SidecarSet with a pinned revision, but not inside lists", sidecarSet, named("defaulted-pinned")+`
spec:
  containers:
  - name: proxy
    image: "proxy:1"
    resourcesPolicy: {targetContainersMode: sum, resourcesExpr: {limits: {cpu: cpu}}}
  injectionStrategy: {revision: {revisionName: r}}
  imagePullSecrets: [{name: key}]
  patchPodMetadata: [{annotations: {a: b}}]
`, `
spec:
  injectionStrategy: {revision: {policy: Always}}
  updateStrategy: {type: RollingUpdate, partition: 0, maxUnavailable: 1}
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
  repairPolicy: None
`),
	Entry("a StatefulSet", statefulSet, named("defaulted"), `
spec:
  replicas: 1
  podManagementPolicy: OrderedReady
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: {partition: 0, maxUnavailable: 1, podUpdatePolicy: ReCreate, minReadySeconds: 0}
  volumeClaimUpdateStrategy: {type: OnDelete}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
`),
	Entry("a StatefulSet with OnDelete, whose rollingUpdate is there for tools that read it", statefulSet,
		named("defaulted-on-delete")+`
spec: {updateStrategy: {type: OnDelete}, ordinals: {}, autoRemediation: {}}
`, `
spec:
  replicas: 1
  podManagementPolicy: OrderedReady
  updateStrategy:
    type: OnDelete
    rollingUpdate: {partition: 0, maxUnavailable: 1, podUpdatePolicy: ReCreate, minReadySeconds: 0}
  volumeClaimUpdateStrategy: {type: OnDelete}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  ordinals: {start: 0}
  autoRemediation:
    enabled: false
    stuckSeconds: 300
    retryLimit: 3
    exclusionSeconds: 3600
    maxExcludedNodes: 20%
    exclusionMode: Auto
  revisionHistoryLimit: 10
  progressDeadlineSeconds: 600
`),
	Entry("a SchedPatch", schedPatch, named("defaulted"), `
spec: {priority: 0, mode: Active, onConflict: Skip}
`),
)
