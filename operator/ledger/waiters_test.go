// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestABudgetWakesOnlyWhoWaitsForIt(t *testing.T) {
	w := NewWaiters()
	key := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: name} }
	w.Look(key("looking"))
	w.Wait(key("web"), []types.NamespacedName{key("web"), key("all")})
	w.Wait(key("db"), []types.NamespacedName{key("db")})
	w.Wait(key("done"), []types.NamespacedName{key("web")})
	w.Look(key("done"))
	w.Wait(key("done"), nil)

	budget := func(name, version string) *policyv1.PodDisruptionBudget {
		out := &policyv1.PodDisruptionBudget{}
		out.Namespace, out.Name, out.ResourceVersion = "shop", name, version
		return out
	}
	handler := w.Watch().Handler
	for name, test := range map[string]struct {
		happens func(q queue)
		want    []string
	}{
		"its status changes": {func(q queue) {
			handler.Update(t.Context(), event.UpdateEvent{ObjectOld: budget("web", "1"), ObjectNew: budget("web", "2")}, q)
		}, []string{"looking", "web"}},
		"nothing changes": {func(q queue) {
			handler.Update(t.Context(), event.UpdateEvent{ObjectOld: budget("web", "1"), ObjectNew: budget("web", "1")}, q)
		}, nil},
		"it goes": {func(q queue) {
			handler.Delete(t.Context(), event.DeleteEvent{Object: budget("db", "1")}, q)
		}, []string{"db", "looking"}},
		"a new one": {func(q queue) {
			handler.Create(t.Context(), event.CreateEvent{Object: budget("new", "1")}, q)
		}, []string{"looking"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer q.ShutDown()
			test.happens(q)
			var got []string
			for q.Len() > 0 {
				request, _ := q.Get()
				got = append(got, request.Name)
				q.Done(request)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}
