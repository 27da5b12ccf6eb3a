// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
	"github.com/windlass-operator/windlass/program"
)

var key = types.NamespacedName{Namespace: "default", Name: "web"}

// snapshot is what the steps of the tests see.
type snapshot struct {
	set    *v1beta1.StatefulSet
	remark string
}

// plan and outcome are nothing here: what matters is when they are made.
type plan struct{ steps *steps }

func (p plan) Log(logr.Logger) { p.steps.said("log") }

type outcome struct{}

// steps note what is called, and do what a test says.
type steps struct {
	calls []string
	// gather, prepare, plan, takes and report are what a test makes of the steps.
	gather  func(ctx context.Context, s *snapshot) (*snapshot, error)
	prepare func(s *snapshot) (*snapshot, error)
	planErr error
	reports func(r *Report)
	store   client.Client
	clock   *clocktesting.FakePassiveClock
	// reading and writing are how long Gather and Apply take.
	reading, writing time.Duration
}

var (
	_ Steps[snapshot, plan, outcome] = &steps{}
	_ Preparer[snapshot]             = &steps{}
)

func (s *steps) said(call string) { s.calls = append(s.calls, call) }

func (s *steps) pass(span time.Duration) { s.clock.SetTime(s.clock.Now().Add(span)) }

func (s *steps) Gather(ctx context.Context, object types.NamespacedName) (*snapshot, error) {
	s.said("gather")
	s.pass(s.reading)
	set := &v1beta1.StatefulSet{}
	if err := s.store.Get(ctx, object, set); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if s.gather != nil {
		return s.gather(ctx, &snapshot{set: set})
	}
	return &snapshot{set: set}, nil
}

func (s *steps) Prepare(_ context.Context, at *snapshot) (*snapshot, error) {
	if s.prepare == nil {
		return at, nil
	}
	return s.prepare(at)
}

func (s *steps) Plan(at *snapshot) (plan, error) {
	s.said("plan" + at.remark)
	return plan{s}, s.planErr
}

func (s *steps) Apply(context.Context, *snapshot, plan) outcome {
	s.said("apply")
	s.pass(s.writing)
	return outcome{}
}

func (s *steps) Note(logr.Logger, *snapshot, plan, outcome) { s.said("note") }

func (s *steps) Report(at *snapshot, _ plan, _ outcome) *Report {
	r := reportOf(at.set, "Working", s.clock.Now())
	if s.reports != nil {
		s.reports(r)
	}
	return r
}

func (s *steps) Invalid(object client.Object, fault error, now time.Time) *Report {
	return reportOf(object.(*v1beta1.StatefulSet), fault.Error(), now)
}

func (s *steps) Observe(r *Report, written bool, _ time.Time) {
	if written {
		s.said("written " + r.After[0].Reason)
	}
}

func (s *steps) Forget(types.NamespacedName) { s.said("forget") }

func reportOf(set *v1beta1.StatefulSet, reason string, now time.Time) *Report {
	updated := set.DeepCopy()
	report.SetConditions(&updated.Status.Conditions, 1, metav1.NewTime(now), report.Condition{
		Type: v1beta1.ConditionReady, Value: report.False(reason, now.String())})
	return &Report{Object: set, Updated: updated, Before: set.Status.Conditions, After: updated.Status.Conditions}
}

// fixture is a loop about one set.
type fixture struct {
	*steps
	loop     reconcile.Reconciler
	recorder *events.FakeRecorder
	// refuse is what the store says against the write of a status.
	refuse error
}

func newFixture(options Options) *fixture {
	f := &fixture{recorder: events.NewFakeRecorder(100)}
	set := &v1beta1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	store := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(set).WithStatusSubresource(set).
		WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch,
			options ...client.SubResourcePatchOption) error {
			if f.refuse != nil {
				return f.refuse
			}
			return c.SubResource(sub).Patch(ctx, object, patch, options...)
		}}).Build()
	f.steps = &steps{store: store, clock: clocktesting.NewFakePassiveClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	options.Kind = "StatefulSet"
	f.loop = New(Cluster{Client: store, Clock: f.clock, Recorder: f.recorder}, f.steps, options)
	return f
}

// look is one look, as "result error".
func (f *fixture) look() string {
	f.calls = nil
	result, err := f.loop.Reconcile(context.Background(), reconcile.Request{NamespacedName: key})
	out := result.RequeueAfter.String()
	if err != nil {
		out += " " + err.Error()
	}
	return out
}

func (f *fixture) did() string { return strings.Join(f.calls, ", ") }

func TestWhatALookDoes(t *testing.T) {
	const all = "gather, plan, log, apply, note, written Working"
	for name, test := range map[string]struct {
		given     func(f *fixture)
		did, want string
	}{
		"all steps are taken, in order": {given: func(*fixture) {}, did: all, want: "0s"},
		"it looks again when something is due": {
			given: func(f *fixture) { f.reports = func(r *Report) { r.RequeueAfter = time.Hour } },
			did:   all, want: "1h0m0s",
		},
		"an object that is gone is forgotten": {
			given: func(f *fixture) {
				f.gather = func(context.Context, *snapshot) (*snapshot, error) { return nil, nil }
			},
			did: "gather, forget", want: "0s",
		},
		"a failed read is tried again": {
			given: func(f *fixture) {
				f.gather = func(context.Context, *snapshot) (*snapshot, error) { return nil, errors.New("no cache") }
			},
			did: "gather", want: "0s no cache",
		},
		"an object that cannot be used has a status, and is not tried again": {
			given: func(f *fixture) {
				f.gather = func(_ context.Context, s *snapshot) (*snapshot, error) {
					return nil, &Invalid{s.set, errors.New("InvalidSpec")}
				}
			},
			did: "gather, written InvalidSpec", want: "0s terminal error: InvalidSpec",
		},
		"nor is one that no plan can be made for": {
			given: func(f *fixture) { f.planErr = errors.New("no plan") },
			did:   "gather, plan", want: "0s terminal error: no plan",
		},
		"the finished snapshot is planned on": {
			given: func(f *fixture) {
				f.prepare = func(s *snapshot) (*snapshot, error) { return &snapshot{set: s.set, remark: " with remark"}, nil }
			},
			did: "gather, plan with remark, log, apply, note, written Working", want: "0s",
		},
		"an object may go while its snapshot is finished": {
			given: func(f *fixture) { f.prepare = func(*snapshot) (*snapshot, error) { return nil, nil } },
			did:   "gather, forget", want: "0s",
		},
		"without a snapshot nothing is known": {
			given: func(f *fixture) {
				f.prepare = func(*snapshot) (*snapshot, error) { return nil, errors.New("no answer") }
			},
			did: "gather", want: "0s no answer",
		},
		"errors are returned after the status is written": {
			given: func(f *fixture) {
				f.prepare = func(s *snapshot) (*snapshot, error) { return s, errors.New("no answer") }
				f.reports = func(r *Report) { r.Retry, r.RequeueAfter = errors.New("a quota"), time.Hour }
			},
			did: all, want: "0s a quota\nno answer",
		},
		"a status that is refused is written again": {
			given: func(f *fixture) { f.refuse = errors.New("a policy") },
			did:   "gather, plan, log, apply, note", want: "0s write the status of StatefulSet default/web: a policy",
		},
		"no status is written where there is none": {
			given: func(f *fixture) { f.reports = func(r *Report) { r.Updated = nil } },
			did:   "gather, plan, log, apply, note", want: "0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(Options{})
			test.given(f)
			got := f.look()
			if diff := cmp.Diff([]string{test.did, test.want}, []string{f.did(), got}); diff != "" {
				t.Errorf("steps and result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadingHasAMinute(t *testing.T) {
	f, left := newFixture(Options{}), time.Duration(0)
	f.gather = func(ctx context.Context, s *snapshot) (*snapshot, error) {
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		return s, nil
	}
	f.look()
	if left <= 0 || left > time.Minute {
		t.Errorf("reading has %s, want a minute", left)
	}
}

func TestPace(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		given   func(f *fixture)
		// after is how long after the first look the second comes.
		after     time.Duration
		did, want string
	}{
		"a status is written once a second": {
			options: Options{WriteEvery: time.Second}, after: 300 * time.Millisecond, did: "gather, plan, log, apply, note", want: "700ms",
		},
		"and sooner, if it is urgent": {
			options: Options{WriteEvery: time.Second}, after: 300 * time.Millisecond,
			given: func(f *fixture) { f.reports = func(r *Report) { r.Urgent = true } },
			did:   "gather, plan, log, apply, note, written Working", want: "0s",
		},
		"what is due before that is not put off": {
			options: Options{WriteEvery: time.Second}, after: 300 * time.Millisecond,
			given: func(f *fixture) { f.reports = func(r *Report) { r.RequeueAfter = time.Millisecond } },
			did:   "gather, plan, log, apply, note", want: "1ms",
		},
		"an object is looked at once a second": {
			options: Options{LookEvery: time.Second}, after: 300 * time.Millisecond, did: "", want: "700ms",
		},
		"what takes long to look at rests": {
			given: func(f *fixture) { f.reading = 100 * time.Millisecond }, after: 150 * time.Millisecond, did: "", want: "350ms",
		},
		"how long writes take does not count": {
			given: func(f *fixture) { f.writing = time.Second }, after: time.Second, did: "gather, plan, log, apply, note, written Working", want: "0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(test.options)
			if test.given != nil {
				test.given(f)
			}
			began := f.clock.Now()
			f.look()
			f.clock.SetTime(began.Add(test.after))
			got := f.look()
			if diff := cmp.Diff([]string{test.did, test.want}, []string{f.did(), got}); diff != "" {
				t.Errorf("steps and result of the second look (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsOfALook(t *testing.T) {
	f := newFixture(Options{WriteEvery: time.Second})
	f.reports = func(r *Report) {
		r.Events = []report.Event{report.Warning("Refused", "Update", "a policy")}
		r.News = []report.Event{report.Normal("Moved", "Look", f.clock.Now().Format(time.TimeOnly))}
	}
	f.look() // both are said
	f.look() // the status is held back, and the warning was said just now
	f.pass(2 * time.Second)
	f.look() // the status is written
	f.refuse = errors.New("a policy")
	f.pass(time.Minute)
	f.look() // nothing is written, so nothing is new
	f.refuse = nil
	f.look() // both are said again
	close(f.recorder.Events)
	var got []string
	for event := range f.recorder.Events {
		got = append(got, event)
	}
	want := []string{"Normal Moved 00:00:00", "Warning Refused a policy", "Normal Moved 00:00:02", "Normal Moved 00:01:02", "Warning Refused a policy"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
