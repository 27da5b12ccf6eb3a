// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestStatusOf(t *testing.T) {
	started := time.Date(2026, 1, 2, 8, 30, 0, 0, time.UTC)
	tests := map[string]struct {
		application string
		want        Status
		wantString  string
	}{
		"an Application that Argo CD has not seen yet": {
			application: `{metadata: {name: shop}}`,
			want:        Status{},
			wantString:  " and , operation : ",
		},
		"one that is well": {
			application: `
status:
  sync: {status: Synced, revision: 0a1b}
  health: {status: Healthy}
  operationState: {phase: Succeeded, message: done, startedAt: "2026-01-02T08:30:00Z"}
  resources:
  - {kind: Service, namespace: shop, name: till, status: Synced, health: {status: Healthy}}
  - {kind: ConfigMap, namespace: shop, name: till, status: Synced}
`,
			want: status(started, "Synced", "0a1b", "Healthy", "Succeeded", "done",
				Resource{Kind: "Service", Namespace: "shop", Name: "till", Status: "Synced", Health: Health{Status: "Healthy"}},
				Resource{Kind: "ConfigMap", Namespace: "shop", Name: "till", Status: "Synced"}),
			wantString: "Synced and Healthy, operation Succeeded: done",
		},
		"one that is not, with those of its objects that are not": {
			application: `
status:
  sync: {status: OutOfSync, revision: 0a1b}
  health: {status: Progressing}
  operationState: {phase: Running, message: waiting, startedAt: "2026-01-02T08:30:00Z"}
  resources:
  - {kind: StatefulSet, namespace: shop, name: till, status: Synced, health: {status: Progressing, message: 1 of 3}}
  - {kind: ConfigMap, namespace: shop, name: till, status: OutOfSync}
  conditions: [{type: SyncError, message: refused}]
`,
			want: func() Status {
				s := status(started, "OutOfSync", "0a1b", "Progressing", "Running", "waiting",
					Resource{Kind: "StatefulSet", Namespace: "shop", Name: "till", Status: "Synced", Health: Health{Status: "Progressing", Message: "1 of 3"}},
					Resource{Kind: "ConfigMap", Namespace: "shop", Name: "till", Status: "OutOfSync"})
				s.Conditions = []Message{{Type: "SyncError", Message: "refused"}}
				return s
			}(),
			wantString: "OutOfSync and Progressing, operation Running: waiting\n" +
				"  StatefulSet shop/till: Synced Progressing 1 of 3\n" +
				"  ConfigMap shop/till: OutOfSync  \n" +
				"  SyncError: refused",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			application := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(test.application), &application.Object); err != nil {
				t.Fatal(err)
			}
			got, err := StatusOf(application)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantString, got.String()); diff != "" {
				t.Errorf("String (-want +got):\n%s", diff)
			}
		})
	}
}

func status(started time.Time, sync, revision, health, phase, message string, resources ...Resource) Status {
	s := Status{Health: Health{Status: health}, OperationState: Operation{Phase: phase, Message: message, StartedAt: started}, Resources: resources}
	s.Sync.Status, s.Sync.Revision = sync, revision
	return s
}
