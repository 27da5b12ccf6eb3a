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

// deleter is a writer that notes what it is to delete, and answers alike.
type deleter struct {
	writer

	asked  []string
	answer error
}

func (d *deleter) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	is := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
	d.asked = append(d.asked, fmt.Sprintf("%s, UID %s of version %s", object.GetName(), *is.UID, *is.ResourceVersion))
	return d.answer
}

func TestAPodIsDeletedAsItWasSeen(t *testing.T) {
	changed := apierrors.NewConflict(schema.GroupResource{Resource: "any"}, "any", errors.New("it has changed"))
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "any"}, "any", errors.New("a policy forbids it"))
	type want struct {
		Asked        []string
		Fails, Stale bool
	}
	asked := []string{"web-0, UID web-0-uid of version 8"}
	for name, test := range map[string]struct {
		answer error
		want   want
	}{
		"nothing is refused":  {nil, want{Asked: asked}},
		"a policy keeps it":   {denied, want{asked, true, false}},
		"the Pod has changed": {changed, want{asked, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			writer := &deleter{answer: test.answer}
			err := (&executor{writer: writer}).delete(t.Context(), &Deletion{
				Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-0", UID: "web-0-uid", ResourceVersion: "8"}},
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
