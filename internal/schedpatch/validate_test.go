// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/corpus"
)

// invalid writes all that is wrong with a SchedPatch, a line each.
func invalid(object *v1alpha1.SchedPatch) []string {
	var out []string
	for _, err := range schedpatch.Validate(object) {
		out = append(out, err.Error())
	}
	return out
}

func TestValidate(t *testing.T) {
	const (
		target     = "targetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}\n"
		ssd        = "nodeSelector: {disk: ssd}\n"
		requiredAt = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
		preferred  = "preferredDuringSchedulingIgnoredDuringExecution"
		label      = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start " +
			"and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
			"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
		qualified = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
			"alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
			"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
	)
	for name, tc := range map[string]struct {
		spec string
		want []string
	}{
		"the smallest patch": {spec: target + ssd},
		"a core kind as target": {
			spec: "targetRef: {apiVersion: v1, kind: ReplicationController, name: cart}\n" + ssd,
		},
		"a kind of somebody else as target": {
			spec: "targetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: cart}\n" + ssd,
		},
		"a DaemonSet as target": {
			spec: "targetRef: {apiVersion: apps/v1, kind: DaemonSet, name: agent}\n" + ssd,
			want: []string{"spec.targetRef.kind: Invalid value: DaemonSet is not supported: its controller picks the node before admission"},
		},
		"no target": {
			spec: "targetRef: {apiVersion: '', kind: '', name: ''}\n" + ssd,
			want: []string{
				"spec.targetRef.kind: Required value: name the kind of the workload, such as Deployment",
				"spec.targetRef.name: Required value: name the workload",
				`spec.targetRef.apiVersion: Invalid value: "": must be group/version, such as apps/v1, or v1 for the core group`,
			},
		},
		"an apiVersion that is none": {
			spec: "targetRef: {apiVersion: a/b/c, kind: Deployment, name: cart}\n" + ssd,
			want: []string{`spec.targetRef.apiVersion: Invalid value: "a/b/c": must be group/version, such as apps/v1, or v1 for the core group`},
		},
		"a podSelector that cannot be used": {
			spec: target + ssd + "podSelector: {matchLabels: {tier: 'web tier'}}",
			want: []string{`spec.podSelector.matchLabels: Invalid value: "web tier": ` + label},
		},
		"maxPods 0": {
			spec: target + ssd + "maxPods: 0",
			want: []string{"spec.maxPods: Invalid value: 0: must be at least 1; for no Pod at all use mode Preview"},
		},
		"ttlSeconds 0": {
			spec: target + ssd + "ttlSeconds: 0",
			want: []string{"spec.ttlSeconds: Invalid value: 0: must be at least 1"},
		},
		"two ends": {
			spec: target + ssd + `{ttlSeconds: 60, expiresAt: "2030-01-01T00:00:00Z"}`,
			want: []string{"spec.ttlSeconds: Forbidden: cannot be combined with expiresAt; remove one of the two"},
		},
		"no rule": {
			spec: target,
			want: []string{"spec: Invalid value: needs at least one rule in affinity, tolerations or nodeSelector"},
		},
		"empty rules only": {
			spec: target + "{nodeSelector: {}, tolerations: [], affinity: {nodeAffinity: {}, podAffinity: {}, podAntiAffinity: {}}}",
			want: []string{"spec: Invalid value: needs at least one rule in affinity, tolerations or nodeSelector"},
		},
		"an empty term": {
			spec: target + required("{}"),
			want: []string{requiredAt + "[0]: Invalid value: an empty term matches no node"},
		},
		"a required rule without terms": {
			spec: target + required(""),
			want: []string{requiredAt + ": Required value: must have at least one node selector term"},
		},
		"65 terms": {
			spec: target + required(numbered(65, "n")),
			want: []string{requiredAt + ": Too many: 65: must have at most 64 items"},
		},
		"an unknown operator": {
			spec: target + required("{matchExpressions: [{key: disk, operator: Is, values: [ssd]}]}"),
			want: []string{requiredAt + `[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator`},
		},
		"In without values": {
			spec: target + required("{matchExpressions: [{key: disk, operator: In}]}"),
			want: []string{requiredAt + "[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"},
		},
		"Exists with values": {
			spec: target + required("{matchExpressions: [{key: disk, operator: Exists, values: [ssd]}]}"),
			want: []string{requiredAt + "[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' " +
				"or 'DoesNotExist'"},
		},
		"Gt of what is no number": {
			spec: target + required("{matchExpressions: [{key: size, operator: Gt, values: [big]}]}"),
			want: []string{requiredAt + `[0].matchExpressions[0].values[0]: Invalid value: "big": must be a whole number, because the ` +
				`operator is Gt`},
		},
		"Lt of what is no number, in a preferred rule": {
			spec: target + "affinity: {nodeAffinity: {" + preferred +
				": [{weight: 1, preference: {matchExpressions: [{key: size, operator: Lt, values: ['1.5']}]}}]}}",
			want: []string{"spec.affinity.nodeAffinity." + preferred +
				`[0].preference.matchExpressions[0].values[0]: Invalid value: "1.5": must be a whole number, because the operator is Lt`},
		},
		"a field that nodes cannot be chosen by": {
			spec: target + required("{matchFields: [{key: spec.nodeName, operator: In, values: [a]}]}"),
			want: []string{requiredAt + `[0].matchFields[0].key: Invalid value: "spec.nodeName": not a valid field selector key`},
		},
		"a value that no label has": {
			spec: target + required("{matchExpressions: [{key: disk, operator: In, values: ['very fast']}]}"),
			want: []string{requiredAt + `[0].matchExpressions[0].values[0]: Invalid value: "very fast": ` + label},
		},
		"a weight of 0": {
			spec: target + "affinity: {nodeAffinity: {" + preferred +
				": [{weight: 0, preference: {matchExpressions: [{key: disk, operator: Exists}]}}]}}",
			want: []string{"spec.affinity.nodeAffinity." + preferred + "[0].weight: Invalid value: 0: must be in the range 1-100"},
		},
		"a weight of 101": {
			spec: target + "affinity: {podAntiAffinity: {" + preferred + ": [{weight: 101, podAffinityTerm: {topologyKey: zone}}]}}",
			want: []string{"spec.affinity.podAntiAffinity." + preferred + "[0].weight: Invalid value: 101: must be in the range 1-100"},
		},
		"no topologyKey": {
			spec: target + "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: ''}]}}",
			want: []string{
				"spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
				`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part ` +
					`must be non-empty`,
				`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": ` + qualified,
			},
		},
		"a topologyKey that is no label": {
			spec: target + "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: the zone}]}}",
			want: []string{`spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: ` +
				`"the zone": ` + qualified},
		},
		"a nodeSelector key that is no label": {
			spec: target + "nodeSelector: {the disk: ssd}",
			want: []string{`spec.nodeSelector: Invalid value: "the disk": ` + qualified},
		},
		"a nodeSelector value that no label has": {
			spec: target + "nodeSelector: {disk: very fast}",
			want: []string{`spec.nodeSelector: Invalid value: "very fast": ` + label},
		},
		"a toleration of a value without a key": {
			spec: target + "tolerations: [{value: a}]",
			want: []string{"spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which " +
				"means \"match all values and all keys\""},
		},
		"tolerationSeconds without NoExecute": {
			spec: target + "tolerations: [{key: k, operator: Exists, tolerationSeconds: 5}]",
			want: []string{"spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := build.MakeSchedPatch("p").Obj()
			for _, part := range strings.SplitAfter(tc.spec, "\n") {
				parseInto(t, part, &object.Spec)
			}
			manifest := corpus.Manifest(t, v1alpha1.GroupVersion.String(), "SchedPatch", object)
			corpus.Keep(t, corpus.SchedPatchRules, corpus.Case{Object: manifest})
			if diff := cmp.Diff(tc.want, invalid(object)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if _, err := schedpatch.Compile(object); (err != nil) != (len(tc.want) > 0) {
				t.Errorf("Compile says %v", err)
			}
		})
	}
}
