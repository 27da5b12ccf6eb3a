// SPDX-License-Identifier: Apache-2.0

package schedpatch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// detab makes YAML of text that is indented with the code around it.
func detab(text string) string { return strings.ReplaceAll(text, "\t", "  ") }

// parse reads YAML whose every field exists.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	parseInto(t, text, &out)
	return out
}

func parseInto(t *testing.T, text string, out any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

// compiled makes patches p0, p1, ... of specs, without those fields that are the same in all tests.
func compiled(t *testing.T, specs ...string) []*schedpatch.Patch {
	t.Helper()
	var out []*schedpatch.Patch
	for i, text := range specs {
		object := build.MakeSchedPatch(fmt.Sprint("p", i)).Obj()
		target := object.Spec.TargetRef
		object.Spec = parse[v1alpha1.SchedPatchSpec](t, text)
		object.Spec.TargetRef = target
		patch, err := schedpatch.Compile(object)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, patch)
	}
	return out
}

// outcome is a result without what only links back.
type outcome struct {
	Patch   string
	Outcome schedpatch.Outcome
	Reason  schedpatch.Reason
	Message string
}

func outcomes(results []schedpatch.Result) []outcome {
	var out []outcome
	for _, r := range results {
		out = append(out, outcome{r.Patch.Name(), r.Outcome, r.Reason, r.Message})
	}
	return out
}

var applied = []outcome{{Patch: "p0", Outcome: schedpatch.OutcomeApplied}}

// required writes a required node affinity of terms in flow style.
func required(terms string) string {
	return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" + terms + "]}}}"
}

func TestMerge(t *testing.T) {
	const (
		zoneA    = `{matchExpressions: [{key: zone, operator: In, values: [a]}]}`
		zoneB    = `{matchExpressions: [{key: zone, operator: In, values: [b]}]}`
		fast     = `{matchExpressions: [{key: disk, operator: In, values: [fast]}]}`
		slow     = `{matchExpressions: [{key: disk, operator: In, values: [slow]}]}`
		notNode7 = `{matchFields: [{key: metadata.name, operator: NotIn, values: [node-7]}]}`
	)
	for name, tc := range map[string]struct {
		pod         string
		patches     []string
		want        string
		wantResults []outcome
	}{
		"a Pod without required terms gets the patch's": {
			patches: []string{required(zoneA + "," + zoneB)},
			want:    required(zoneA + "," + zoneB), wantResults: applied,
		},
		"terms are multiplied, the Pod's first": {
			pod:     required(zoneA + "," + zoneB),
			patches: []string{required(fast + "," + slow)},
			want: required(`
				{matchExpressions: [{key: zone, operator: In, values: [a]}, {key: disk, operator: In, values: [fast]}]},
				{matchExpressions: [{key: zone, operator: In, values: [a]}, {key: disk, operator: In, values: [slow]}]},
				{matchExpressions: [{key: zone, operator: In, values: [b]}, {key: disk, operator: In, values: [fast]}]},
				{matchExpressions: [{key: zone, operator: In, values: [b]}, {key: disk, operator: In, values: [slow]}]}`),
			wantResults: applied,
		},
		"fields and expressions go into the same term": {
			pod:     required(zoneA),
			patches: []string{required(notNode7)},
			want: required(`{matchExpressions: [{key: zone, operator: In, values: [a]}],
				matchFields: [{key: metadata.name, operator: NotIn, values: [node-7]}]}`),
			wantResults: applied,
		},
		"a requirement that the term has already is not repeated": {
			pod:     required(`{matchExpressions: [{key: zone, operator: In, values: [a]}, {key: disk, operator: In, values: [fast]}]}`),
			patches: []string{required(`{matchExpressions: [{key: disk, operator: In, values: [fast]}, {key: size, operator: Exists}]}`)},
			want: required(`{matchExpressions: [{key: zone, operator: In, values: [a]}, {key: disk, operator: In, values: [fast]},
				{key: size, operator: Exists}]}`),
			wantResults: applied,
		},
		"a term that says already what one of the patch says stays as it is": {
			pod: required(zoneA), patches: []string{required(zoneB + "," + zoneA)}, want: required(zoneA), wantResults: applied,
		},
		"terms that come out equal are one": {
			pod: required(zoneA + "," + zoneA), patches: []string{required(zoneA)}, want: required(zoneA), wantResults: applied,
		},
		"empty terms of the Pod match nothing and are dropped": {
			pod: required("{}," + zoneA + ",{}"), patches: []string{required(zoneA)}, want: required(zoneA), wantResults: applied,
		},
		"a Pod of empty terms only is left alone": {
			pod:     required("{},{}"),
			patches: []string{required(zoneA) + "\ntolerations: [{key: gpu, operator: Exists}]"},
			want:    required("{},{}"),
			wantResults: []outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonNothingMatches,
				"no term of the Pod's own required node affinity says anything, so that no node matches it"}},
		},
		"a patch without required terms does not touch the Pod's": {
			pod: required("{}," + zoneA), patches: []string{"nodeSelector: {disk: fast}"},
			want: required("{},"+zoneA) + "\nnodeSelector: {disk: fast}", wantResults: applied,
		},
		"an absent nodeSelector key is added": {
			pod: "nodeSelector: {zone: a}", patches: []string{"nodeSelector: {disk: fast}"},
			want: "nodeSelector: {zone: a, disk: fast}", wantResults: applied,
		},
		"an equal nodeSelector key changes nothing": {
			pod: "nodeSelector: {zone: a}", patches: []string{"nodeSelector: {zone: a}"}, want: "nodeSelector: {zone: a}", wantResults: applied,
		},
		"a conflict skips the whole patch": {
			pod:     "nodeSelector: {zone: a, disk: fast}",
			patches: []string{"nodeSelector: {zone: b, disk: slow, size: big}\ntolerations: [{key: gpu, operator: Exists}]"},
			want:    "nodeSelector: {zone: a, disk: fast}",
			wantResults: []outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonConflict,
				`nodeSelector disk is "fast" in the Pod and "slow" in the patch; nodeSelector zone is "a" in the Pod and "b" in the patch`}},
		},
		"a conflict rejects the Pod where the patch says so": {
			pod:     "nodeSelector: {zone: a}",
			patches: []string{"{onConflict: Reject, nodeSelector: {zone: b}}"},
			want:    "nodeSelector: {zone: a}",
			wantResults: []outcome{{"p0", schedpatch.OutcomeRejected, schedpatch.ReasonConflict,
				`nodeSelector zone is "a" in the Pod and "b" in the patch`}},
		},
		"tolerations of the Pod stay and come first": {
			pod: `tolerations:
				- {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
				- {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}`,
			patches: []string{`tolerations: [{key: gpu, value: "yes"}]`},
			want: `tolerations:
				- {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
				- {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
				- {key: gpu, value: "yes"}`,
			wantResults: applied,
		},
		"a toleration that is covered is not added": {
			pod: `tolerations:
				- {key: gpu, operator: Exists}
				- {key: spot, value: "yes", effect: NoSchedule}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 60}`,
			patches: []string{`tolerations:
				- {key: gpu, operator: Equal, value: "yes", effect: NoExecute, tolerationSeconds: 5}
				- {key: spot, operator: Equal, value: "yes", effect: NoSchedule}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 30}`},
			want: `tolerations:
				- {key: gpu, operator: Exists}
				- {key: spot, value: "yes", effect: NoSchedule}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 60}`,
			wantResults: applied,
		},
		"a toleration that goes further is added": {
			pod: `tolerations:
				- {key: gpu, value: "yes"}
				- {key: spot, operator: Exists, effect: NoSchedule}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 30}`,
			patches: []string{`tolerations:
				- {key: gpu, operator: Exists}
				- {key: spot, operator: Exists}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 60}`},
			want: `tolerations:
				- {key: gpu, value: "yes"}
				- {key: spot, operator: Exists, effect: NoSchedule}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
				- {key: gpu, operator: Exists}
				- {key: spot, operator: Exists}
				- {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 60}`,
			wantResults: applied,
		},
		"a Pod that tolerates everything gets no toleration": {
			pod: `tolerations: [{operator: Exists}]`, patches: []string{`tolerations: [{key: gpu, operator: Exists}]`},
			want: `tolerations: [{operator: Exists}]`, wantResults: applied,
		},
		"preferred rules and rules about Pods are appended, each once": {
			pod: `affinity:
				nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: ` + fast + `}]}
				podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}
				podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone}}]}`,
			patches: []string{`affinity:
				nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: ` + fast + `},
					{weight: 2, preference: ` + fast + `}]}
				podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}, {topologyKey: rack}],
					preferredDuringSchedulingIgnoredDuringExecution: [{weight: 3, podAffinityTerm: {topologyKey: rack}}]}
				podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: host}],
					preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone}}]}`},
			want: `affinity:
				nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: ` + fast + `},
					{weight: 2, preference: ` + fast + `}]}
				podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}, {topologyKey: rack}],
					preferredDuringSchedulingIgnoredDuringExecution: [{weight: 3, podAffinityTerm: {topologyKey: rack}}]}
				podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: host}],
					preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone}}]}`,
			wantResults: applied,
		},
		"of two patches the higher priority is first, whatever their names": {
			patches: []string{"nodeSelector: {zone: a}", "{priority: 5, nodeSelector: {zone: b}}"},
			want:    "nodeSelector: {zone: b}",
			wantResults: []outcome{
				{Patch: "p1", Outcome: schedpatch.OutcomeApplied},
				{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonConflict, `nodeSelector zone is "b" in the Pod and "a" in the patch`},
			},
		},
		"of equal priority the name decides, and each sees what the one before left": {
			patches: []string{required(zoneA), required(fast)},
			want:    required(`{matchExpressions: [{key: zone, operator: In, values: [a]}, {key: disk, operator: In, values: [fast]}]}`),
			wantResults: []outcome{
				{Patch: "p0", Outcome: schedpatch.OutcomeApplied}, {Patch: "p1", Outcome: schedpatch.OutcomeApplied},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod, want := parse[corev1.PodSpec](t, detab(tc.pod)), parse[corev1.PodSpec](t, detab(tc.want))
			var specs []string
			for _, spec := range tc.patches {
				specs = append(specs, detab(spec))
			}
			patches := compiled(t, specs...)
			got, results := schedpatch.Merge(schedpatch.RulesOf(&pod), patches)
			if diff := cmp.Diff(schedpatch.RulesOf(&want), &got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantResults, outcomes(results)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			again, _ := schedpatch.Merge(&got, patches)
			if diff := cmp.Diff(encode(t, got), encode(t, again)); diff != "" {
				t.Errorf("applying again changes (-once +twice):\n%s", diff)
			}
		})
	}
}

// numbered writes terms that all differ.
func numbered(count int, key string) string {
	text := ""
	for i := range count {
		text += fmt.Sprintf("{matchExpressions: [{key: %s, operator: In, values: ['%d']}]},", key, i)
	}
	return text
}

func TestMergeCountsTerms(t *testing.T) {
	tooMany := func(pod, patch int) []outcome {
		return []outcome{{"p0", schedpatch.OutcomeSkipped, schedpatch.ReasonTooManyTerms, fmt.Sprintf(
			"the Pod's required node affinity would have more than 64 terms: %d of the Pod, each together with %d of the patch", pod, patch)}}
	}
	for name, tc := range map[string]struct {
		pod, patch  int
		want        int
		wantResults []outcome
	}{
		"64 terms are the most":                  {pod: 8, patch: 8, want: 64, wantResults: applied},
		"65 are too many":                        {pod: 13, patch: 5, want: 13, wantResults: tooMany(13, 5)},
		"64 of the patch go with one of the Pod": {pod: 1, patch: 64, want: 64, wantResults: applied},
	} {
		t.Run(name, func(t *testing.T) {
			pod := parse[corev1.PodSpec](t, required(numbered(tc.pod, "pod")))
			got, results := schedpatch.Merge(schedpatch.RulesOf(&pod), compiled(t, required(numbered(tc.patch, "patch"))))
			terms := got.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
			if len(terms) != tc.want {
				t.Errorf("got %d terms, want %d", len(terms), tc.want)
			}
			if diff := cmp.Diff(tc.wantResults, outcomes(results)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}
