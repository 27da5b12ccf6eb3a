// SPDX-License-Identifier: Apache-2.0

package wiring_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/operator/readiness"
	"github.com/windlass-operator/windlass/operator/schedpatch"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/operator/statefulset"
)

// hanging is a cluster that answers no question.
type hanging struct{ client.Client }

func (hanging) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hanging) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	<-ctx.Done()
	return ctx.Err()
}

// A worker that waits for ever is worse than one that fails: nobody would hear of it.
func TestNoControllerReadsForLongerThanAMinute(t *testing.T) {
	for name, make := range map[string]func(loop.Cluster) loop.Controller{
		"readiness":   readiness.New,
		"sidecarset":  func(c loop.Cluster) loop.Controller { return sidecarset.New(c, sidecarset.Options{}) },
		"statefulset": func(c loop.Cluster) loop.Controller { return statefulset.New(c, statefulset.Options{}) },
		"schedpatch":  func(c loop.Cluster) loop.Controller { return schedpatch.New(c, nil, schedpatch.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				controller := make(loop.Cluster{
					Client: hanging{}, Live: hanging{}, Clock: clock.RealClock{}, Recorder: events.NewFakeRecorder(10),
				})
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := controller.Reconcile(ctx, reconcile.Request{NamespacedName: types.NamespacedName{Name: "any"}})
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it read for %s", took)
				}
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reconcile.TerminalError(nil)) {
					t.Errorf("error %v, want one that is retried", err)
				}
			})
		})
	}
}
