// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStoredFaultsDoNotHoldUpOtherChanges is about objects that were stored under laxer rules.
func TestStoredFaultsDoNotHoldUpOtherChanges(t *testing.T) {
	const (
		broken = `
spec:
  reserveOrdinals: ["8-5"]
  lifecycle: {preDelete: {markPodNotReady: true}}
  template: {spec: {restartPolicy: Never, containers: [{name: app, image: "app:1", volumeMounts: [{name: logs, mountPath: /logs}]}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: elastic}}]
`
		reserve = `spec.reserveOrdinals[0]: Invalid value: "8-5": must begin with the lower ordinal: write "5-8"`
		hook    = `spec.lifecycle.preDelete: Required value: must have an entry in labelsHandler or finalizersHandler by which Pods are held: without any it holds none; remove the hook if that is meant`
		mount   = `spec.template.spec.containers[0].volumeMounts[0].name: Not found: "logs": must be a volume of the template or the name of a claim template, of which there are data`
		restart = `spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`
		access  = `spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required`
		size    = `spec.volumeClaimTemplates[0].spec.resources[storage]: Required value`
		stored  = "stored with a fault: "
	)
	all := []string{stored + mount, stored + restart, stored + access, stored + size, stored + reserve, stored + hook}
	for name, test := range map[string]struct {
		change       string
		want         []string
		wantWarnings []string
	}{
		"metadata alone": {change: `metadata: {annotations: {a: b}, finalizers: [example.com/a], ownerReferences: []}`},
		"a label":        {change: `metadata: {labels: {a: b}}`, wantWarnings: all},
		"the protection": {change: `metadata: {labels: {policy.kruise.io/delete-protection: Always}}`, wantWarnings: all},
		"replicas":       {change: `spec: {replicas: 30}`, wantWarnings: all},
		"the pause":      {change: rolling(`{paused: true}`), wantWarnings: all},
		"another part of the template": {
			change:       `spec: {template: {metadata: {labels: {tier: front}}}}`,
			wantWarnings: all,
		},
		"a fault mended": {
			change:       `spec: {lifecycle: null}`,
			wantWarnings: all[:5],
		},
		"a fault changed into another": {
			change:       `spec: {reserveOrdinals: ["9-5"]}`,
			want:         []string{`spec.reserveOrdinals[0]: Invalid value: "9-5": must begin with the lower ordinal: write "5-9"`},
			wantWarnings: append(append([]string{}, all[:4]...), all[5]),
		},
		"a fault added": {
			change:       `spec: {minReadySeconds: -1}`,
			want:         []string{`spec.minReadySeconds: Invalid value: -1: must be 0 or more`},
			wantWarnings: all,
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := Validate(given{base: broken, update: true, change: test.change}.input(t))
			if diff := cmp.Diff(test.want, errorsOf(result)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantWarnings, result.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheSameFaultsAreRefusedOfANewSet shows that the update is what lets them pass.
func TestTheSameFaultsAreRefusedOfANewSet(t *testing.T) {
	const tooLong = `metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}`
	if got := errorsOf(Validate(given{base: tooLong}.input(t))); len(got) != 1 {
		t.Errorf("a new set: %v", got)
	}
	if got := errorsOf(Validate(given{base: tooLong, update: true, change: `spec: {replicas: 5}`}.input(t))); len(got) != 0 {
		t.Errorf("a stored set: %v", got)
	}
}
