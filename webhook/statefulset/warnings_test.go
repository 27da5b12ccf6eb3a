// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const onDeleteStays = `spec.volumeClaimTemplates[0]: existing claims of "data" stay as they are: under volumeClaimUpdateStrategy OnDelete a Pod gets a claim like this once its old one is deleted`

// TestEveryWarning is the list of all warnings, word for word.
func TestEveryWarning(t *testing.T) {
	type warning struct {
		given
		want []string
	}
	for name, test := range map[string]warning{
		"nothing to warn of": {given{base: withData}, nil},
		"a share of less than one Pod": {
			given{change: rolling(`{maxUnavailable: "33%"}`)},
			[]string{`spec.updateStrategy.rollingUpdate.maxUnavailable: 33% of 3 replicas is less than one Pod; one at a time may be unavailable`}},
		"a share of one Pod": {given{change: rolling(`{maxUnavailable: "34%"}`)}, nil},
		"a share of no Pods": {given{change: `spec: {replicas: 0, updateStrategy: {rollingUpdate: {maxUnavailable: "10%"}}}`}, nil},
		"a share of less than one Pod when scaling": {
			given{change: `spec: {podManagementPolicy: Parallel, scaleStrategy: {maxUnavailable: "10%"}}`},
			[]string{`spec.scaleStrategy.maxUnavailable: 10% of 3 replicas is less than one Pod; one at a time may be unavailable`}},
		"settings of a rolling update that there is not": {
			given{change: `spec: {podManagementPolicy: Parallel, updateStrategy: {type: OnDelete, rollingUpdate: {
				partition: 1, maxUnavailable: "10%", podUpdatePolicy: InPlaceOnly, paused: true, unorderedUpdate: {}}}}`},
			[]string{
				`spec.updateStrategy.rollingUpdate.maxUnavailable: has no effect while updateStrategy.type is OnDelete`,
				`spec.updateStrategy.rollingUpdate.partition: has no effect while updateStrategy.type is OnDelete`,
				`spec.updateStrategy.rollingUpdate.paused: has no effect while updateStrategy.type is OnDelete`,
				`spec.updateStrategy.rollingUpdate.podUpdatePolicy: has no effect while updateStrategy.type is OnDelete`,
				`spec.updateStrategy.rollingUpdate.unorderedUpdate: has no effect while updateStrategy.type is OnDelete`,
			}},
		"the defaults of a rolling update beside OnDelete": {
			given{change: `spec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 0, maxUnavailable: 1, podUpdatePolicy: ReCreate, minReadySeconds: 5}}}`}, nil},
		"images to pull ahead of time": {
			given{change: `{metadata: {annotations: {
				apps.kruise.io/image-predownload-parallelism: "1", apps.kruise.io/image-predownload-timeout-seconds: "1", apps.kruise.io/image-predownload-min-updated-ready-pods: "1"}},
				spec: {updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {
				imagePreDownloadParallelism: 1, imagePreDownloadTimeoutSeconds: 1, imagePreDownloadMinUpdatedReadyPods: 1}}}}}`},
			nil},
		"annotations about images to pull ahead of time that cannot be read": {
			given{change: `{metadata: {annotations: {
				apps.kruise.io/image-predownload-parallelism: "0", apps.kruise.io/image-predownload-timeout-seconds: 5m, apps.kruise.io/image-predownload-min-updated-ready-pods: "110%"}}}`},
			[]string{
				`metadata.annotations[apps.kruise.io/image-predownload-parallelism]: is "0"; allowed are a number from 1 up, or a percentage from "1%" to "100%". It is passed over.`,
				`metadata.annotations[apps.kruise.io/image-predownload-timeout-seconds]: is "5m"; allowed is a number of seconds from 1 up. It is passed over.`,
				`metadata.annotations[apps.kruise.io/image-predownload-min-updated-ready-pods]: is "110%"; allowed are a number from 0 up, or a percentage from "0%" to "100%". It is passed over.`,
			}},
		"timeouts of hooks that have none": {
			given{change: `spec: {lifecycle: {
				preDelete: {finalizersHandler: [a/b], timeoutSeconds: 60}, preNormal: {finalizersHandler: [a/b], timeoutSeconds: 60},
				inPlaceUpdate: {finalizersHandler: [a/b], timeoutSeconds: 60}}}`},
			[]string{
				`spec.lifecycle.preDelete.timeoutSeconds: has no effect, only inPlaceUpdate has a timeout`,
				`spec.lifecycle.preNormal.timeoutSeconds: has no effect, only inPlaceUpdate has a timeout`,
			}},
		"misspelt fields of the templates": {
			given{base: withData, change: `spec: {template: {spec: {nodeselector: {disk: ssd}}}, volumeClaimTemplates: [
				{metadata: {name: data}, spec: {storageClass: fast, storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			[]string{
				`unknown field "spec.template.spec.nodeselector", which is kept but has no effect unless the cluster knows it`,
				`unknown field "spec.volumeClaimTemplates[0].spec.storageClass", which is kept but has no effect unless the cluster knows it`,
			}},
		"what Kubernetes warns of": {
			given{change: app(`env: [{name: A, value: "1"}, {name: A, value: "2"}]`)},
			[]string{`spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`}},

		// StorageClasses of new claims.
		"a StorageClass that is not there": {
			given{change: sized("storageClassName: gone, ", "1Gi")},
			[]string{`spec.volumeClaimTemplates[0].spec.storageClassName: there is no StorageClass "gone": claims wait for it, or for a volume that has it`}},
		"a StorageClass that is not there, by annotation": {
			given{change: `spec: {volumeClaimTemplates: [{metadata: {name: data, annotations: {volume.beta.kubernetes.io/storage-class: gone}},
				spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`},
			[]string{`spec.volumeClaimTemplates[0].spec.storageClassName: there is no StorageClass "gone": claims wait for it, or for a volume that has it`}},
		"no StorageClass at all": {
			given{change: sized("", "1Gi")},
			[]string{`spec.volumeClaimTemplates[0].spec.storageClassName: is not given and the cluster has no default StorageClass: claims wait for one, or for a volume without`}},
		"no StorageClass on purpose": {given{change: sized(`storageClassName: "", `, "1Gi")}, nil},
		"the default StorageClass":   {given{change: sized("", "1Gi"), classes: withDefault("rigid-default")}, nil},
		"expansion by a class that forbids it": {
			given{base: expanding, change: sized("storageClassName: rigid, ", "1Gi")},
			[]string{`spec.volumeClaimTemplates[0].spec: claims of "data" cannot grow, for which volumeClaimUpdateStrategy asks: StorageClass "rigid" does not have allowVolumeExpansion: true`}},
		"expansion switched on": {
			given{base: sized("storageClassName: rigid, ", "1Gi"), update: true, change: `spec: {volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}}`},
			[]string{`spec.volumeClaimTemplates[0].spec: claims of "data" cannot grow, for which volumeClaimUpdateStrategy asks: StorageClass "rigid" does not have allowVolumeExpansion: true`}},

		// Claim templates that change.
		"another claim under OnDelete": {
			given{base: withData, update: true, change: sized("storageClassName: elastic, ", "20Gi")},
			[]string{onDeleteStays}},
		"a claim's labels under OnDelete": {
			given{base: withData, update: true, change: `spec: {volumeClaimTemplates: [{metadata: {name: data, labels: {chart: "2"}},
				spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]}`},
			[]string{onDeleteStays}},
		"a claim's labels under OnPodRollingUpdate": {
			given{base: expanding, update: true, change: `spec: {volumeClaimTemplates: [{metadata: {name: data, labels: {chart: "2"}},
				spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}}]}`},
			[]string{`spec.volumeClaimTemplates[0].metadata: existing claims of "data" keep their labels and annotations`}},
		"a larger claim under OnPodRollingUpdate": {
			given{base: expanding, update: true, change: sized("storageClassName: elastic, ", "20Gi")}, nil},
		"a claim template added": {
			given{base: expanding, before: `spec: {volumeClaimTemplates: null}`},
			[]string{`spec.volumeClaimTemplates[0]: "data" is new: a running Pod gets its claim when it is made anew`}},
		"a claim template removed": {
			given{base: withData, update: true, change: `spec: {volumeClaimTemplates: null}`},
			[]string{`spec.volumeClaimTemplates: "data" is gone: its claims stay, and Pods made from now on do not have them`}},
		"a claim template removed that the partition's revision mounts": {
			given{base: sized("", "1Gi"), update: true, before: app(`volumeMounts: [{name: data, mountPath: /data}]`),
				change: `spec: {volumeClaimTemplates: null, updateStrategy: {rollingUpdate: {partition: 2}}}`},
			[]string{`spec.volumeClaimTemplates: "data" is gone: its claims stay, and Pods made from now on do not have them, but for those that partition 2 keeps ` +
				`at the revision that mounts it: these can be made only where their claim data-<Pod> exists; new ordinals wait until the template is back or the partition is lower`}},
		"claims as they were, of a class that is not there": {
			given{base: sized("storageClassName: gone, ", "1Gi"), update: true, change: `spec: {replicas: 5}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Validate(test.input(t)).Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
