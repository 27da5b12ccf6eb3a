// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/operator/apply"
)

// deleter is a writer that notes what it is to delete, and refuses some of it.
type deleter struct {
	writer

	asked   []string
	refuses map[string]error
}

func (d *deleter) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	o := (&client.DeleteOptions{}).ApplyOptions(options)
	request := fmt.Sprintf("delete %s of version %s", object.GetName(), *o.Preconditions.ResourceVersion)
	if len(o.DryRun) > 0 {
		request = "try to " + request
	}
	d.asked = append(d.asked, request)
	return d.refuses[request]
}

// Whatever is refused, and wherever the operator is killed: a Pod that may still start has its claims.
func TestClaimsGoAfterTheirPod(t *testing.T) {
	const tryClaim, deletePod, deleteClaim = "try to delete data-web-0 of version 7", "delete web-0 of version 8", "delete data-web-0 of version 7"
	changed := apierrors.NewConflict(schema.GroupResource{Resource: "any"}, "any", errors.New("it has changed"))
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "any"}, "any", errors.New("a policy forbids it"))
	type want struct {
		Asked        []string
		Fails, Stale bool
	}
	for name, test := range map[string]struct {
		refuses map[string]error
		want    want
	}{
		"nothing is refused":                             {nil, want{Asked: []string{tryClaim, deletePod, deleteClaim}}},
		"a policy keeps the claim, so the Pod stays":     {map[string]error{tryClaim: denied}, want{[]string{tryClaim}, true, false}},
		"the claim has changed, so the Pod stays":        {map[string]error{tryClaim: changed}, want{[]string{tryClaim}, true, true}},
		"a policy keeps the Pod, so the claim stays":     {map[string]error{deletePod: denied}, want{[]string{tryClaim, deletePod}, true, false}},
		"the Pod has changed, so the claim stays":        {map[string]error{deletePod: changed}, want{[]string{tryClaim, deletePod}, true, true}},
		"the claim changes last: the Pod is gone by now": {map[string]error{deleteClaim: changed}, want{Asked: []string{tryClaim, deletePod, deleteClaim}}},
	} {
		t.Run(name, func(t *testing.T) {
			writer := &deleter{refuses: test.refuses}
			err := (&executor{writer: writer}).delete(t.Context(), &Deletion{
				Pod:    &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-0", ResourceVersion: "8"}},
				Claims: []*corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data-web-0", ResourceVersion: "7"}}},
			})
			if diff := cmp.Diff(test.want, want{writer.asked, err != nil, apply.IsStale(err)}); diff != "" {
				t.Errorf("deletion (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

// leaser is a writer that notes whether a cache has to see what is written.
type leaser struct {
	writer

	waits []bool
}

func (l *leaser) Create(_ context.Context, _ client.Object, options ...client.CreateOption) error {
	l.waits = append(l.waits, !(&client.CreateOptions{}).ApplyOptions(options).DisableReadYourWritesConsistency)
	return nil
}

func (l *leaser) Update(_ context.Context, _ client.Object, options ...client.UpdateOption) error {
	l.waits = append(l.waits, !(&client.UpdateOptions{}).ApplyOptions(options).DisableReadYourWritesConsistency)
	return nil
}

// The operator may not watch Leases: a write that waits for a cache would never end.
func TestTheLedgerIsWrittenWithoutACache(t *testing.T) {
	writer := &leaser{}
	e := &executor{writer: writer, home: "windlass-system"}
	for _, version := range []string{"", "7"} {
		if err := e.enter(t.Context(), &Snapshot{LedgerVersion: version}, &Ledger{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]bool{false, false}, writer.waits); diff != "" {
		t.Errorf("writes that wait for a cache (-want +got):\n%s", diff)
	}
}
