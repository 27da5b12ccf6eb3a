// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// The status of a set advises to let the StorageClass allow expansion. Whoever does so must not have to touch the set
// as well.
func TestStorageClassesConcernSetsWhoseClaimsGrow(t *testing.T) {
	class := func(allowed *bool) *storagev1.StorageClass {
		return &storagev1.StorageClass{AllowVolumeExpansion: allowed}
	}
	for name, test := range map[string]struct {
		happens func(h classHandler, q queue)
		want    []string
	}{
		"a class allows expansion": {
			func(h classHandler, q queue) {
				h.Update(t.Context(), event.UpdateEvent{ObjectOld: class(nil), ObjectNew: class(ptr.To(true))}, q)
			}, []string{"grows"},
		},
		"a class changes otherwise": {
			func(h classHandler, q queue) {
				h.Update(t.Context(), event.UpdateEvent{ObjectOld: class(ptr.To(true)), ObjectNew: class(ptr.To(true))}, q)
			}, nil,
		},
		"a class comes": {
			func(h classHandler, q queue) {
				h.Create(t.Context(), event.CreateEvent{Object: class(ptr.To(true))}, q)
			},
			[]string{"grows"},
		},
		"a set does not grow its claims any more": {
			func(h classHandler, q queue) {
				h.known.put(build.MakeStatefulSet("grows").Claim("data", "1Gi").Obj())
				h.Create(t.Context(), event.CreateEvent{Object: class(ptr.To(true))}, q)
			}, nil,
		},
		"a set is gone": {
			func(h classHandler, q queue) {
				h.known.remove(client.ObjectKey{Namespace: "default", Name: "grows"})
				h.Create(t.Context(), event.CreateEvent{Object: class(ptr.To(true))}, q)
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			known := newKnownSets()
			known.put(build.MakeStatefulSet("grows").Claim("data", "1Gi").GrowClaims().Obj())
			known.put(build.MakeStatefulSet("keeps").Claim("data", "1Gi").Obj())
			known.put(build.MakeStatefulSet("bare").GrowClaims().Obj())
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer q.ShutDown()
			test.happens(classHandler{known}, q)
			var got []string
			for q.Len() > 0 {
				request, _ := q.Get()
				got = append(got, request.Name)
				q.Done(request)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("enqueued (-want +got):\n%s", diff)
			}
		})
	}
}
