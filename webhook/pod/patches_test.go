// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/windlass-operator/windlass/internal/schedpatch"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
)

// known returns patches as a watch would keep them. Nobody counts any Pods.
func known(t *testing.T) *KnownPatches {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	clock := clocktesting.NewFakePassiveClock(build.Epoch)
	return &KnownPatches{Index: schedpatch.NewIndex(),
		patchedPods: patchedpods.New(ended, metadatafake.NewSimpleMetadataClient(scheme), clock)}
}

func TestKnownPatchesFollowTheCluster(t *testing.T) {
	k, key := known(t), types.NamespacedName{Namespace: "shop", Name: "p"}
	hash := func() string {
		if patch := k.Get(key); patch != nil {
			return patch.Hash()
		}
		return ""
	}
	first, second := ssd("p"), ssd("p").Toleration("gpu")
	second.Obj().Generation = 2
	broken := ssd("p").MaxPods(0)
	broken.Obj().Generation = 3

	k.put(t.Context(), first.Obj())
	if got := hash(); got != hashOf(t, first) {
		t.Errorf("a new patch is known by %q", got)
	}
	seen := k.Get(key)
	k.put(t.Context(), first.Obj().DeepCopy())
	if k.Get(key) != seen {
		t.Error("a patch whose status alone changed is compiled again")
	}
	k.put(t.Context(), second.Obj())
	if got := hash(); got != hashOf(t, second) {
		t.Errorf("a changed patch is known by %q", got)
	}
	k.put(t.Context(), broken.Obj())
	if got := hash(); got != "" {
		t.Errorf("a broken patch is known by %q", got)
	}
	k.put(t.Context(), first.Obj())
	k.forget(key)
	if got := hash(); got != "" {
		t.Errorf("a deleted patch is known by %q", got)
	}
}

func TestAReplicaTellsWhichPatchesItApplies(t *testing.T) {
	k := known(t)
	k.put(t.Context(), ssd("p").Obj())
	k.put(t.Context(), ssd("counted").MaxPods(1).Obj())
	for name, tc := range map[string]struct {
		method, path string
		wantStatus   int
		want         string
	}{
		"a patch": {"GET", "/schedpatches/shop/p", 200, `{"uid":"p-uid","generation":1,"hash":"` +
			hashOf(t, ssd("p")) + `"}`},
		"none that it does not know": {"GET", "/schedpatches/shop/q", 404,
			"SchedPatch shop/q is not applied here: it is unknown, invalid, or its Pods are not counted yet"},
		"none whose Pods are not counted": {"GET", "/schedpatches/shop/counted", 404,
			"SchedPatch shop/counted is not applied here: it is unknown, invalid, or its Pods are not counted yet"},
		"nothing about a namespace":            {"GET", "/schedpatches/shop", 400, "ask GET /schedpatches/<namespace>/<name>"},
		"nothing about what is below a patch":  {"GET", "/schedpatches/shop/p/status", 400, "ask GET /schedpatches/<namespace>/<name>"},
		"nothing to who wants to write to it ": {"POST", "/schedpatches/shop/p", 400, "ask GET /schedpatches/<namespace>/<name>"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			k.ServeHTTP(recorder, httptest.NewRequest(tc.method, tc.path, http.NoBody))
			if diff := cmp.Diff(tc.want, strings.TrimSpace(recorder.Body.String())); diff != "" || recorder.Code != tc.wantStatus {
				t.Errorf("status %d, want %d (-want +got):\n%s", recorder.Code, tc.wantStatus, diff)
			}
		})
	}
}
