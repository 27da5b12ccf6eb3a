// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/api/v1alpha1"
)

func TestReport(t *testing.T) {
	refused := errors.New("refused")
	// told is a report in short.
	type told struct {
		Status       bool
		Events, News []string
		RequeueAfter time.Duration
		Retry        error
	}
	for name, test := range map[string]struct {
		object  *v1alpha1.SchedPatch
		outcome Outcome
		want    told
	}{
		"a patch that goes on": {makePatch(), Outcome{},
			told{Status: true, News: []string{"Active"}}},
		"one that ends in a minute": {makePatch(ttl(660)), Outcome{},
			told{Status: true, News: []string{"Active"}, RequeueAfter: time.Minute}},
		"one that is deleted at its end gets no status": {makePatch(ttl(60), ownedBy("StatefulSet", "db")), Outcome{Deleted: true},
			told{Events: []string{"ExpiredDeleted"}}},
		"one that was changed meanwhile is looked at again": {makePatch(ttl(60), ownedBy("StatefulSet", "db")), Outcome{Stale: true},
			told{RequeueAfter: time.Second}},
		"one that could not be deleted says how it is, and is tried again": {
			makePatch(ttl(60), ownedBy("StatefulSet", "db")), Outcome{Err: refused},
			told{Status: true, News: []string{"Expired"}, Retry: refused}},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotOf(t, test.object)
			r := makeReport(s, MakePlan(s), &test.outcome)
			got := told{Status: r.Updated != nil, RequeueAfter: r.RequeueAfter, Retry: r.Retry}
			for _, e := range r.Events {
				got.Events = append(got.Events, e.Reason)
			}
			for _, e := range r.News {
				got.News = append(got.News, e.Reason)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(errors.Is)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}
