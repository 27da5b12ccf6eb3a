// SPDX-License-Identifier: Apache-2.0

package dropped

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

const (
	endOfOne = ". A client that does not know that field, such as OpenKruise's typed one, drops it when it updates the whole object: " +
		"if nobody meant it, apply the manifest again, and have that client patch instead"
	endOfMany = ". A client that does not know those fields, such as OpenKruise's typed one, drops them when it updates the whole object: " +
		"if nobody meant it, apply the manifest again, and have that client patch instead"
)

// object is one with this spec, in YAML, as JSON.
func object(t *testing.T, spec string) []byte {
	t.Helper()
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"spec": fields})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestFromSidecarSet(t *testing.T) {
	const everything = `{
		updateStrategy: {maxUnavailable: 2, maxUnavailablePerWorkload: 25%, disruptionBudgets: Ignore, topologyKey: zone, minReadySeconds: 30,
			gracePeriodSeconds: 10, imagePreDownload: {policy: EveryNode, parallelism: 5}, autoPauseOnFailure: true},
		lifecycle: {inPlaceUpdate: {labelsHandler: {mesh/drained: "false"}}}, progressDeadlineSeconds: 60, repairPolicy: Recreate}`
	const filled = `{updateStrategy: {type: RollingUpdate, maxUnavailable: 2}, progressDeadlineSeconds: 600, repairPolicy: None}`
	for name, test := range map[string]struct {
		version, old, now string
		want              []string
	}{
		"everything": {old: everything, now: filled, want: []string{"spec: this write takes out " +
			"updateStrategy.maxUnavailablePerWorkload (was 25%; now all but one Pod of a workload), " +
			"updateStrategy.disruptionBudgets (was Ignore; now Respect), " +
			"updateStrategy.topologyKey (was zone; now no order of zones), " +
			"updateStrategy.minReadySeconds (was 30; now 0), " +
			"updateStrategy.gracePeriodSeconds (was 10; now no draining), " +
			`updateStrategy.imagePreDownload (was {"parallelism":5,"policy":"EveryNode"}; now the chart's operator.imagePreDownload), ` +
			"updateStrategy.autoPauseOnFailure (was true; now false), " +
			`lifecycle (was {"inPlaceUpdate":{"labelsHandler":{"mesh/drained":"false"}}}; now no hook), ` +
			"progressDeadlineSeconds (was 60; now 600), repairPolicy (was Recreate; now None)" + endOfMany}},
		"everything that there was": {
			old: `{updateStrategy: {topologyKey: zone}}`, now: filled,
			want: []string{"spec: this write takes out updateStrategy.topologyKey (was zone; now no order of zones)" + endOfOne}},
		"one of two, as by hand": {
			old: `{updateStrategy: {topologyKey: zone, gracePeriodSeconds: 10}}`, now: `{updateStrategy: {topologyKey: zone}}`},
		"another value": {
			old: `{updateStrategy: {topologyKey: zone, gracePeriodSeconds: 10}}`, now: `{updateStrategy: {topologyKey: rack}}`},
		"the default, written out": {
			old: `{updateStrategy: {disruptionBudgets: Ignore}}`, now: `{updateStrategy: {disruptionBudgets: Respect}}`},
		"zero, written out":                        {old: `{updateStrategy: {minReadySeconds: 30}}`, now: `{updateStrategy: {minReadySeconds: 0}}`},
		"what is the default":                      {old: `{updateStrategy: {disruptionBudgets: Respect}, progressDeadlineSeconds: 600}`, now: filled},
		"what OpenKruise has":                      {old: `{updateStrategy: {maxUnavailable: 2, paused: true}}`, now: filled},
		"a namespace, by v1beta1":                  {version: beta, old: `{namespace: shop}`, now: filled, want: []string{"spec: this write takes out namespace (was shop; now the Pods of every namespace)" + endOfOne}},
		"a namespace, by v1alpha1, which knows it": {version: alpha, old: `{namespace: shop}`, now: filled},
		"a namespace that a selector replaces": {
			version: beta, old: `{namespace: shop}`, now: `{namespaceSelector: {matchLabels: {team: a}}}`},
		"a custom version, by v1alpha1": {version: alpha, old: `{customVersion: "7"}`, now: filled,
			want: []string{"spec: this write takes out customVersion (was 7; now none)" + endOfOne}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.version == "" {
				test.version = beta
			}
			old := &v1beta1.SidecarSet{}
			if err := json.Unmarshal(object(t, test.old), old); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, FromSidecarSet(test.version, object(t, test.now), old)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
	if got := FromSidecarSet(beta, object(t, filled), nil); got != nil {
		t.Errorf("a new set: %q", got)
	}
}

func TestFromStatefulSet(t *testing.T) {
	const filled = `{updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}, progressDeadlineSeconds: 600,
		volumeClaimUpdateStrategy: {type: OnDelete}, persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}}`
	for name, test := range map[string]struct {
		version, old, now string
		want              []string
	}{
		"all that no client knows": {
			old: `{minReadySeconds: 5, progressDeadlineSeconds: 60, autoRemediation: {enabled: true}, updateStrategy: {rollingUpdate: {disruptionBudgets: Respect}},
				reserveOrdinals: [1], lifecycle: {inPlaceUpdate: {labelsHandler: {a: b}, timeoutSeconds: 60}}}`,
			now: `{updateStrategy: {rollingUpdate: {}}, progressDeadlineSeconds: 600, reserveOrdinals: [1], lifecycle: {inPlaceUpdate: {labelsHandler: {a: b}}}}`,
			want: []string{"spec: this write takes out lifecycle.inPlaceUpdate.timeoutSeconds (was 60; now no limit), " +
				"updateStrategy.rollingUpdate.disruptionBudgets (was Respect; now Ignore), minReadySeconds (was 5; now 0), " +
				`progressDeadlineSeconds (was 60; now 600), autoRemediation (was {"enabled":true}; now off)` + endOfMany}},
		"what the types of 1.8 do not know": {
			old: `{minReadySeconds: 5, updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {gracePeriodSeconds: 3, imagePreDownloadParallelism: 5}}}}`,
			now: `{updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {gracePeriodSeconds: 3}}}}`,
			want: []string{"spec: this write takes out minReadySeconds (was 5; now 0), updateStrategy.rollingUpdate.inPlaceUpdateStrategy." +
				"imagePreDownloadParallelism (was 5; now the chart's operator.imagePreDownload)" + endOfMany}},
		"which those of 1.9 know": {
			old:  `{minReadySeconds: 5, updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {imagePreDownloadParallelism: 5}}}}`,
			now:  `{updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {imagePreDownloadParallelism: 5}}}}`,
			want: []string{"spec: this write takes out minReadySeconds (was 5; now 0)" + endOfOne}},
		"one of these, by hand": {
			old: `{updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {imagePreDownloadParallelism: 5, imagePreDownloadTimeoutSeconds: 60}}}}`,
			now: `{updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {imagePreDownloadParallelism: 5}}}}`},
		"all of these, where another field of ours is kept": {
			old: `{minReadySeconds: 5, updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {gracePeriodSeconds: 3, imagePreDownloadParallelism: 5}}}}`,
			now: `{minReadySeconds: 5, updateStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {gracePeriodSeconds: 3}}}}`},
		"a hook with its timeout, by hand": {
			old: `{lifecycle: {inPlaceUpdate: {labelsHandler: {a: b}, timeoutSeconds: 60}}}`, now: filled},
		"what v1alpha1 does not know": {
			version: alpha,
			old: `{reserveOrdinals: [1, "3-5"], ordinals: {start: 1}, lifecycle: {preDelete: {labelsHandler: {a: b}, timeoutSeconds: 60}},
				scaleStrategy: {maxUnavailable: 2}, persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain},
				volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}}`,
			now: filled,
			want: []string{`spec: this write takes out volumeClaimUpdateStrategy (was {"type":"OnPodRollingUpdate"}; now OnDelete), ` +
				`reserveOrdinals (was [1,"3-5"]; now none is reserved), ` +
				`lifecycle (was {"preDelete":{"labelsHandler":{"a":"b"},"timeoutSeconds":60}}; now no hook), ` +
				`scaleStrategy (was {"maxUnavailable":2}; now no limit), ` +
				`persistentVolumeClaimRetentionPolicy (was {"whenDeleted":"Delete","whenScaled":"Retain"}; now Retain), ` +
				`ordinals (was {"start":1}; now ordinals from 0)` + endOfMany}},
		"which v1beta1 knows": {version: beta, old: `{reserveOrdinals: [1], ordinals: {start: 1}}`, now: filled},
		"defaults":            {version: alpha, old: filled, now: filled},
	} {
		t.Run(name, func(t *testing.T) {
			if test.version == "" {
				test.version = beta
			}
			old := &v1beta1.StatefulSet{}
			if err := json.Unmarshal(object(t, test.old), old); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, FromStatefulSet(test.version, object(t, test.now), old)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
