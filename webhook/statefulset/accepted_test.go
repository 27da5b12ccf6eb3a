// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/webhook/admit"
)

// TestAccepted holds against TestEveryRefusal what is next to it and right.
func TestAccepted(t *testing.T) {
	for name, test := range map[string]given{
		"the smallest set":                       {},
		"a name of 61 characters for ten Pods":   {change: `{metadata: {name: ` + strings.Repeat("a", 61) + `}, spec: {replicas: 10}}`},
		"no replicas":                            {change: `spec: {replicas: 0}`},
		"parallel updates of ordered Pods":       {change: rolling(`{maxUnavailable: "100%"}`)},
		"an update in place without any gate":    {change: rolling(`{podUpdatePolicy: InPlaceOnly}`)},
		"scaling of ordered Pods one by one":     {change: `spec: {scaleStrategy: {maxUnavailable: 1}}`},
		"parallel scaling of parallel Pods":      {change: `spec: {podManagementPolicy: Parallel, scaleStrategy: {maxUnavailable: "50%"}}`},
		"an unordered update of parallel Pods":   {change: unordered(`{weightPriority: [{weight: 100, matchSelector: {matchLabels: {a: b}}}]}`)},
		"reserved ordinals that overlap":         {change: `spec: {reserveOrdinals: [0, "0-5", "3-9", 4]}`},
		"a reserved range up to the very last":   {change: `spec: {replicas: 1, reserveOrdinals: ["2147483647-2147483647"]}`},
		"a mount of a claim":                     {base: withData, change: app(`volumeMounts: [{name: data, mountPath: /data}]`)},
		"a claim instead of a volume":            {base: withData, change: pod(`{volumes: [{name: data, emptyDir: {}}], containers: [{name: app, image: a, volumeMounts: [{name: data, mountPath: /data}]}]}`)},
		"hostname and subdomain of any kind":     {change: pod(`{hostname: Not_A_Host, subdomain: Not_A_Domain}`)},
		"a privileged container":                 {change: app(`securityContext: {privileged: true}`)},
		"hooks by a label and a finalizer":       {change: `spec: {lifecycle: {preDelete: {labelsHandler: {example.com/hold: "true"}}, inPlaceUpdate: {finalizersHandler: [example.com/hold]}}}`},
		"either protection":                      {change: `metadata: {labels: {policy.kruise.io/delete-protection: Cascading}}`},
		"an image in place":                      {base: onlyInPlace, update: true, change: pod(`{containers: [{name: app, image: "app:2"}]}`)},
		"a label in place":                       {base: onlyInPlace, update: true, change: `spec: {template: {metadata: {labels: {tier: front}}}}`},
		"resources in place":                     {base: onlyInPlace, before: app(`resources: {requests: {cpu: 1}}`), change: app(`resources: {requests: {cpu: 2}}`)},
		"a command with the switch to replacing": {before: onlyInPlace, change: app(`command: [run]`)},
		"a command where nobody updates":         {base: `spec: {updateStrategy: {type: OnDelete, rollingUpdate: {podUpdatePolicy: InPlaceOnly}}}`, update: true, change: app(`command: [run]`)},
		"defaults written out in place":          {base: onlyInPlace, update: true, change: pod(`{restartPolicy: Always, dnsPolicy: ClusterFirst, containers: [{name: app, image: "app:1", imagePullPolicy: IfNotPresent}]}`)},
		"what OpenKruise filled in, left out": {base: onlyInPlace, before: pod(`{containers: [{name: app, image: "app:1", imagePullPolicy: Always, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]}`),
			change: pod(`{containers: [{name: app, image: "app:2"}]}`)},
		"a larger claim":                      {base: expanding, update: true, change: sized("storageClassName: elastic, ", "20Gi")},
		"a larger claim of the default class": {base: expanding, before: sized("", "10Gi"), change: sized("", "20Gi"), classes: withDefault("elastic-default")},
		"a size written otherwise":            {base: expanding, before: sized("storageClassName: rigid, ", "1Gi"), change: sized("storageClassName: rigid, ", "1024Mi")},
		"a claim's defaults written out":      {base: expanding, update: true, change: claim(`{storageClassName: elastic, volumeMode: Filesystem, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}`)},
		"a claim's labels, whatever the strategy": {base: expanding, update: true, change: `spec: {volumeClaimTemplates: [{metadata: {name: data, labels: {chart: "2"}},
			spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]}`},
		"a claim template added": {base: expanding, update: true, change: `spec: {volumeClaimTemplates: [
			{metadata: {name: logs}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}},
			{metadata: {name: data}, spec: {storageClassName: elastic, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]}`},
		"any claim template under OnDelete":              {base: withData, update: true, change: claim(`{accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}`)},
		"any claim template with the switch to OnDelete": {before: expanding, change: `spec: {volumeClaimUpdateStrategy: {type: OnDelete}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errorsOf(Validate(test.input(t))); len(got) > 0 {
				t.Errorf("refused: %v", got)
			}
		})
	}
}

// TestTheFieldsOfAClaimAreAllCompared fails when Kubernetes adds a field to claims that partsOf does not know.
func TestTheFieldsOfAClaimAreAllCompared(t *testing.T) {
	known := map[string]bool{}
	for _, part := range partsOf(&corev1.PersistentVolumeClaimSpec{}) {
		known[part.path[0]] = true
	}
	claims := reflect.TypeFor[corev1.PersistentVolumeClaimSpec]()
	for i := range claims.NumField() {
		name, _, _ := strings.Cut(claims.Field(i).Tag.Get("json"), ",")
		if !known[name] {
			t.Errorf("spec.%s of a claim is not compared", name)
		}
	}
}

// TestObjectsOfOpenKruisePass creates what OpenKruise wrote, and makes of each object what it was in the middle of a
// rollout.
func TestObjectsOfOpenKruisePass(t *testing.T) {
	created, midway := recorded(t, "created"), recorded(t, "midway")
	if len(created) == 0 || len(created) != len(midway) {
		t.Fatalf("%d and %d recorded objects", len(created), len(midway))
	}
	for i := range created {
		t.Run(created[i].GetName(), func(t *testing.T) {
			input := Input{CanResize: true}
			input.Set, input.Unknown = read(t, created[i].Object)
			if diff := cmp.Diff(admit.Result{}, Validate(input)); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			input.Old = input.Set
			input.Set, input.Unknown = read(t, midway[i].Object)
			if diff := cmp.Diff(admit.Result{}, Validate(input)); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}

func recorded(t *testing.T, moment string) []unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "api", "testdata", "openkruise", moment+"-statefulsets.json"))
	if err != nil {
		t.Fatal(err)
	}
	list := &unstructured.UnstructuredList{}
	if err := list.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// TestManifestsOfAppsV1Pass changes nothing in them but the apiVersion.
func TestManifestsOfAppsV1Pass(t *testing.T) {
	files, err := filepath.Glob("testdata/apps-v1/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			object := map[string]any{}
			if err := yaml.Unmarshal(content, &object); err != nil {
				t.Fatal(err)
			}
			set, unknown := read(t, object)
			if diff := cmp.Diff(admit.Result{}, Validate(Input{Set: set, Unknown: unknown, Classes: withDefault("elastic-default")})); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
