// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func TestWorkersDoEachOnce(t *testing.T) {
	seen := make([]atomic.Int32, 100)
	err := Workers(context.Background(), 7, len(seen), func(_ context.Context, i int) error {
		seen[i].Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("%d was done %d times", i, n)
		}
	}
}

func TestWorkersStopAtAnError(t *testing.T) {
	want := errors.New("refused")
	var calls atomic.Int32
	err := Workers(context.Background(), 1, 100, func(context.Context, int) error {
		calls.Add(1)
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	if n := calls.Load(); n > 2 {
		t.Errorf("%d calls after the first error", n)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Workers(ended, 1, 1, func(context.Context, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a context that has ended", err)
	}
}

func TestAllGoesOnAfterErrors(t *testing.T) {
	refused := errors.New("refused")
	var calls atomic.Int32
	err := All(context.Background(), 2, 10, func(_ context.Context, i int) error {
		calls.Add(1)
		if i%2 == 0 {
			return refused
		}
		return nil
	})
	if n := calls.Load(); n != 10 {
		t.Errorf("%d calls, want 10", n)
	}
	if want := "refused\nrefused\nrefused\nand 2 more errors"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := All(context.Background(), 2, 10, func(context.Context, int) error { return nil }); err != nil {
		t.Error(err)
	}
}

func readyPod(uid types.UID, version string, ready corev1.ConditionStatus) *corev1.Pod {
	p := &corev1.Pod{}
	p.UID, p.ResourceVersion = uid, version
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	return p
}

// followed is a follower of Pods whose watches and lists are given one after the other.
type followed struct {
	*Follower
	// opened are the versions from which watches were opened, reached the Pods that reached it.
	opened  []string
	reached []types.UID
}

func follow(want int, watches []*watch.FakeWatcher, list []corev1.Pod) *followed {
	ctx, stop := context.WithCancel(context.Background())
	f := &followed{}
	f.Follower = &Follower{
		want: want, reached: Ready, onReach: func(p *corev1.Pod) { f.reached = append(f.reached, p.UID) }, stop: stop,
		now: map[types.UID]bool{}, complete: make(chan time.Time, 1), broken: make(chan error, 1),
		open: func(version string) (watch.Interface, error) {
			f.opened = append(f.opened, version)
			if len(f.opened) > len(watches) {
				return nil, errors.New("refused")
			}
			return watches[len(f.opened)-1], nil
		},
		list: func() ([]corev1.Pod, string, error) {
			if list == nil {
				return nil, "", errors.New("no list")
			}
			return list, "100", nil
		},
	}
	f.done.Go(func() {
		if err := f.listen(ctx, "0"); ctx.Err() == nil {
			f.broken <- err
		}
	})
	return f
}

const yes, no = corev1.ConditionTrue, corev1.ConditionFalse

func TestFollowerCountsPodsThatAreReadyAtTheSameTime(t *testing.T) {
	pods := watch.NewFake()
	f := follow(2, []*watch.FakeWatcher{pods}, nil)
	pods.Add(readyPod("a", "1", yes))
	pods.Modify(readyPod("a", "2", yes))
	pods.Modify(readyPod("a", "3", no)) // it is lost again
	pods.Add(readyPod("b", "4", yes))
	pods.Delete(readyPod("b", "5", yes)) // so is this
	if _, err := f.Wait(context.Background(), time.Millisecond); err == nil {
		t.Error("two Pods were never ready at the same time")
	}
	pods.Modify(readyPod("a", "6", yes))
	pods.Add(readyPod("c", "7", yes))
	if _, err := f.Wait(context.Background(), time.Minute); err != nil {
		t.Error(err)
	}
	f.Stop()
	if diff := cmp.Diff([]types.UID{"a", "b", "a", "c"}, f.reached); diff != "" {
		t.Errorf("Pods that reached it (-want +got):\n%s", diff)
	}
}

func TestFollowerTellsOfTheLastPodBeforeItIsComplete(t *testing.T) {
	complete := make(chan time.Time, 1)
	told := 0
	f := &Follower{want: 2, reached: Ready, now: map[types.UID]bool{}, complete: complete, onReach: func(*corev1.Pod) {
		told++
		if len(complete) > 0 {
			t.Errorf("it was complete before it told of Pod %d", told)
		}
	}}
	f.see(watch.Added, readyPod("a", "1", yes))
	f.see(watch.Added, readyPod("b", "2", yes))
	if told != 2 || len(complete) != 1 {
		t.Errorf("told of %d Pods, complete: %v", told, len(complete) == 1)
	}
}

func TestFollowerGoesOnAfterAWatch(t *testing.T) {
	first, second, third := watch.NewFake(), watch.NewFake(), watch.NewFake()
	f := follow(3, []*watch.FakeWatcher{first, second, third}, []corev1.Pod{*readyPod("b", "90", yes), *readyPod("c", "91", yes)})
	first.Add(readyPod("a", "5", yes))
	first.Stop()                                                // for no reason: it goes on from there
	second.Error(&metav1.Status{Message: "too old", Code: 410}) // from here it cannot: it looks at what there is
	third.Add(readyPod("d", "101", yes))
	if _, err := f.Wait(context.Background(), time.Minute); err != nil {
		t.Error(err)
	}
	f.Stop()
	if diff := cmp.Diff([]string{"0", "5", "100"}, f.opened); diff != "" {
		t.Errorf("watched from versions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]types.UID{"a", "b", "c", "d"}, f.reached); diff != "" {
		t.Errorf("Pods that reached it (-want +got):\n%s", diff)
	}
}

func TestFollowerSaysWhenItCannotGoOn(t *testing.T) {
	f := follow(1, nil, nil)
	_, err := f.Wait(context.Background(), time.Minute)
	f.Stop()
	if err == nil || err.Error() != "no list" {
		t.Errorf("error %v, want that of the list", err)
	}
}

func TestReadyWith(t *testing.T) {
	pod := func(spec, running string, ready corev1.ConditionStatus) *corev1.Pod {
		p := Pod("ns", "p", "app")
		p.Spec.Containers[0].Image = spec
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: AppContainer, Image: running}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		return p
	}
	cases := map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"it runs and is ready":              {pod("v2", "v2", corev1.ConditionTrue), true},
		"it is not ready yet":               {pod("v2", "v2", corev1.ConditionFalse), false},
		"the old image runs still":          {pod("v2", "v1", corev1.ConditionTrue), false},
		"nobody has asked for it":           {pod("v1", "v1", corev1.ConditionTrue), false},
		"it was taken back, but runs still": {pod("v1", "v2", corev1.ConditionTrue), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ReadyWith(AppContainer, "v2")(c.pod); got != c.want {
				t.Errorf("reached: %v, want %v", got, c.want)
			}
		})
	}
}

func TestLatencies(t *testing.T) {
	l := NewLatencies()
	for i := range 100 {
		l.Record(time.Duration(i+1) * time.Millisecond)
	}
	l.Record(time.Hour)
	got := []float64{l.Milliseconds(50), l.Milliseconds(100), float64(l.Count())}
	within := cmp.Comparer(func(a, b float64) bool { return a >= b*0.999 && a <= b*1.001 || b >= a*0.999 && b <= a*1.001 })
	if diff := cmp.Diff([]float64{51, 60_000, 101}, got, within); diff != "" {
		t.Errorf("median, maximum, count (-want +got):\n%s", diff)
	}
}
