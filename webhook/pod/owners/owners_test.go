// SPDX-License-Identifier: Apache-2.0

package owners

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	build "github.com/windlass-operator/windlass/internal/testing"
)

var yes = true

func mapper() meta.RESTMapper {
	out := meta.NewDefaultRESTMapper([]schema.GroupVersion{appsv1.SchemeGroupVersion})
	out.Add(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), meta.RESTScopeNamespace)
	return out
}

func replicaSet(uid types.UID, owners ...metav1.OwnerReference) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart-1", UID: uid, OwnerReferences: owners},
	}
}

func reference(kind string) *metav1.OwnerReference {
	return &metav1.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: "cart-1", UID: "rs"}
}

func deployment() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "cart", UID: "d", Controller: &yes}
}

// cluster answers questions about owners and counts them.
func cluster(t *testing.T, failure error, objects ...*metav1.PartialObjectMetadata) (*metadatafake.FakeMetadataClient, *int) {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var stored []runtime.Object
	for _, object := range objects {
		stored = append(stored, object)
	}
	client, asked := metadatafake.NewSimpleMetadataClient(scheme, stored...), 0
	client.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return failure != nil, nil, failure
	})
	return client, &asked
}

func TestControllerOf(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "replicasets"}, "cart-1", errors.New("no"))
	controller := deployment()
	for name, tc := range map[string]struct {
		object  *metav1.PartialObjectMetadata
		kind    string
		failure error
		// wantAsked is how often the API server is asked when it is needed three times: at once, at once again, and
		// after a quarter of a minute.
		wantAsked int
		want      *metav1.OwnerReference
		wantError string
	}{
		"a ReplicaSet's Deployment is asked for once": {object: replicaSet("rs", deployment()), want: &controller, wantAsked: 1},
		"a ReplicaSet of nobody too":                  {object: replicaSet("rs"), wantAsked: 1},
		"an owner that is no controller does not count": {
			object: replicaSet("rs", metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "n"}), wantAsked: 1,
		},
		"an owner that is gone owns nothing":            {wantAsked: 3},
		"another one of the same name is not the owner": {object: replicaSet("other", deployment()), wantAsked: 3},
		"a failure is told, and the next Pod tries again": {failure: errors.New("no route"), wantAsked: 3,
			wantError: "read ReplicaSet.apps cart-1: no route"},
		"a missing permission is not asked for at each Pod": {failure: forbidden, wantAsked: 2,
			wantError: "the webhook may not read ReplicaSet.apps: its role lacks the verb get; the chart's value schedPatch.extraTargets grants it"},
		"a kind that does not exist is told": {kind: "Fleet",
			wantError: `read Fleet.apps cart-1: no matches for kind "Fleet" in version "apps/v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			var objects []*metav1.PartialObjectMetadata
			if tc.object != nil {
				objects = append(objects, tc.object)
			}
			client, asked := cluster(t, tc.failure, objects...)
			clock := clocktesting.NewFakePassiveClock(build.Epoch)
			owners := New(client, mapper(), clock)
			if tc.kind == "" {
				tc.kind = "ReplicaSet"
			}
			for _, after := range []time.Duration{0, 0, 15 * time.Second} {
				clock.SetTime(build.Epoch.Add(after))
				got, err := owners.ControllerOf(t.Context(), "shop", reference(tc.kind))
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("controller (-want +got):\n%s", diff)
				}
				message := ""
				if err != nil {
					message = err.Error()
				}
				if diff := cmp.Diff(tc.wantError, message); diff != "" {
					t.Error(diff)
				}
			}
			if *asked != tc.wantAsked {
				t.Errorf("asked %d times, want %d", *asked, tc.wantAsked)
			}
		})
	}
}

// TestAnOwnerExistsAsAWhole: that one is known does not make another one exist that is said to have its UID.
func TestAnOwnerExistsAsAWhole(t *testing.T) {
	client, asked := cluster(t, nil, replicaSet("rs", deployment()))
	owners := New(client, mapper(), clocktesting.NewFakePassiveClock(build.Epoch))
	renamed, recreated := reference("ReplicaSet"), reference("ReplicaSet")
	renamed.Name, recreated.UID = "other", "other"
	for _, tc := range []struct {
		namespace string
		owner     *metav1.OwnerReference
		want      bool
	}{{"shop", reference("ReplicaSet"), true}, {"shop", renamed, false}, {"shop", recreated, false},
		{"elsewhere", reference("ReplicaSet"), false}} {
		got, err := owners.Exists(t.Context(), tc.namespace, tc.owner)
		if err != nil || got != tc.want {
			t.Errorf("%s/%s with UID %s exists: %t, %v", tc.namespace, tc.owner.Name, tc.owner.UID, got, err)
		}
	}
	if *asked != 4 {
		t.Errorf("asked %d times, want 4", *asked)
	}
}

func TestAnOwnerIsAskedForAgain(t *testing.T) {
	client, asked := cluster(t, nil, replicaSet("rs", deployment()))
	clock := clocktesting.NewFakePassiveClock(build.Epoch)
	owners := New(client, mapper(), clock)
	for _, after := range []time.Duration{0, remembered - 1, remembered} {
		clock.SetTime(build.Epoch.Add(after))
		if _, err := owners.ControllerOf(t.Context(), "shop", reference("ReplicaSet")); err != nil {
			t.Fatal(err)
		}
	}
	if *asked != 2 {
		t.Errorf("asked %d times, want 2", *asked)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(build.Epoch)
	owners := New(nil, nil, clock)
	for i := range mostRemembered {
		owners.remember(identity{uid: types.UID(rune(i))}, answer{}, remembered)
	}
	owners.remember(identity{uid: "fresh"}, answer{}, remembered)
	if len(owners.answers) != 1 {
		t.Errorf("%d answers are kept while all are fresh, want only the last", len(owners.answers))
	}
	clock.SetTime(build.Epoch.Add(remembered / 2))
	for i := range mostRemembered - 1 {
		owners.remember(identity{uid: types.UID(rune(i))}, answer{}, remembered)
	}
	clock.SetTime(build.Epoch.Add(remembered))
	owners.remember(identity{uid: "last"}, answer{}, remembered)
	if _, old := owners.answers[identity{uid: "fresh"}]; old || len(owners.answers) != mostRemembered {
		t.Errorf("%d answers are kept, the old one among them: %t", len(owners.answers), old)
	}
}
