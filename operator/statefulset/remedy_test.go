// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/remediation"
)

// deadlines notes, by what is done, whether there is an end to waiting for it.
type deadlines map[string]bool

func (w deadlines) note(ctx context.Context, what string) {
	end, ok := ctx.Deadline()
	w[what] = ok && time.Until(end) <= remedyTime
}

// deletingRemediator has always deleted a Pod.
type deletingRemediator struct{ waits deadlines }

func (r deletingRemediator) Concerns(ctx context.Context, _ *v1beta1.StatefulSet) (bool, error) {
	r.waits.note(ctx, "see whether it is concerned")
	return true, nil
}

func (r deletingRemediator) Remediate(ctx context.Context, _ *remediation.Input) (*remediation.Result, error) {
	r.waits.note(ctx, "look")
	return &remediation.Result{Deleted: true}, nil
}

func (deletingRemediator) Forget(types.NamespacedName) {}

// notingReader is a cache.
type notingReader struct {
	client.Reader

	waits deadlines
}

func (r notingReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	r.waits.note(ctx, "read the set anew")
	return r.Reader.Get(ctx, key, object, options...)
}

// A cache that never hears of our last write makes every reader wait for ever, and auto remediation lets one set look
// at a time.
func TestAutoRemediationNeverWaitsForEver(t *testing.T) {
	w := newWorld(t, build.MakeStatefulSet("web"))
	s, seen := w.snapshot(), deadlines{}
	w.gatherer.reader = notingReader{w.gatherer.reader, seen}
	r := &steps{gatherer: w.gatherer, remediator: deletingRemediator{seen}}
	if _, err := r.Prepare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := deadlines{"see whether it is concerned": true, "look": true, "read the set anew": true}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("is there an end to it? (-want +got):\n%s", diff)
	}
}

// stalledRemediator waits for a cache that hears nothing.
type stalledRemediator struct{ deletingRemediator }

func (stalledRemediator) Remediate(ctx context.Context, _ *remediation.Input) (*remediation.Result, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestASetIsCaredForWhileAutoRemediationCannotLook(t *testing.T) {
	w := newWorld(t, build.MakeStatefulSet("web"))
	s := w.snapshot()
	s.Set = s.Set.DeepCopy()
	s.Set.Status.Conditions = []metav1.Condition{{Type: v1beta1.ConditionRemediating, Status: metav1.ConditionTrue, Reason: v1beta1.ReasonNodeExcluded}}
	r := &steps{gatherer: w.gatherer, remediator: stalledRemediator{deletingRemediator{deadlines{}}}}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // as when the time is up
	got, err := r.Prepare(ended, s)
	if err == nil || got.Set != s.Set || s.Remedy != nil {
		t.Fatalf("of the same set: %t, the snapshot was written into: %t, error: %v", got.Set == s.Set, s.Remedy != nil, err)
	}
	if diff := cmp.Diff(&metav1.Condition{Status: metav1.ConditionTrue, Reason: v1beta1.ReasonNodeExcluded}, got.Remedy.Condition); diff != "" {
		t.Errorf("what the status says of it (-want +got):\n%s", diff)
	}
}
