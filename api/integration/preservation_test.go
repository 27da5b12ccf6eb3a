// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What the schema does not know inside Pods and claims is kept, so that a newer Kubernetes' fields reach its Pods. Both
// versions hold the same fields.
var _ = DescribeTable("nothing is lost of", func(ctx SpecContext, base, change, otherVersion string) {
	written := object(base, change)
	created := written.DeepCopy()
	Expect(k8s.Create(ctx, created)).To(Succeed())

	read := object(base, version(otherVersion))
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(created), read)).To(Succeed())
	Expect(read.Object["spec"]).To(containAllOf(written.Object["spec"]))
},
	Entry("a StatefulSet's template and claims with unknown fields", statefulSet, named("kept")+`
spec:
  template:
    metadata: {creationTimestamp: null, labels: {app: web}}
    spec:
      flavour: sweet
      containers: [{name: web, image: "web:1", colour: green}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {speed: high}}]
`, "v1beta1"),
	Entry("a SidecarSet's containers and volumes with unknown fields", sidecarSet, named("kept")+`
spec:
  containers: [{name: proxy, image: "proxy:1", colour: green, resources: {}}]
  initContainers: [{name: setup, image: "setup:1", colour: red}]
  volumes: [{name: data, fancyVolume: {size: 3}}]
`, "v1beta1"),
	Entry("a SidecarSet written in v1alpha1 with v1beta1's fields", sidecarSet, named("old-to-new")+"\n"+version("v1alpha1")+`
spec: {namespace: shop, customVersion: v7, repairPolicy: Recreate}
`, "v1beta1"),
	Entry("a SidecarSet written in v1beta1 with v1alpha1's fields", sidecarSet, named("new-to-old")+`
spec: {namespace: shop, customVersion: v7, repairPolicy: Recreate}
`, "v1alpha1"),
	Entry("a StatefulSet written in v1alpha1 with v1beta1's fields", statefulSet, "metadata: {name: old-to-new}\n"+version("v1alpha1")+`
spec:
  reserveOrdinals: [1, "3-5"]
  lifecycle: {preDelete: {finalizersHandler: [example.com/hold]}}
  ordinals: {start: 2}
  scaleStrategy: {maxUnavailable: 1}
  volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}
  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}
  minReadySeconds: 7
  autoRemediation: {enabled: true}
`, "v1beta1"),
	Entry("a StatefulSet written in v1beta1 and read in v1alpha1", statefulSet, "metadata: {name: new-to-old}"+`
spec:
  reserveOrdinals: [1, "3-5"]
  lifecycle: {inPlaceUpdate: {labelsHandler: {hold: "true"}, markPodNotReady: true}}
  updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {gracePeriodSeconds: 5, imagePreDownloadParallelism: "10%"}}}
`, "v1alpha1"),
)
