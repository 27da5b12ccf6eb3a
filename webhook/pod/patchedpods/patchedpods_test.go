// SPDX-License-Identifier: Apache-2.0

package patchedpods

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clocktesting "k8s.io/utils/clock/testing"

	build "github.com/windlass-operator/windlass/internal/testing"
)

var (
	key  = types.NamespacedName{Namespace: "shop", Name: "canary"}
	pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// patience bounds what happens as soon as a watch gets to it.
const patience = 30 * time.Second

// world is a cluster with Pods that carry the patch, and who counts them.
type world struct {
	*testing.T
	*Counter
	client *metadatafake.FakeMetadataClient
	clock  *clocktesting.FakePassiveClock
}

func carrying(name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"sched-patch.apps.kruise.io/canary": "1"},
		},
	}
}

func newWorld(t *testing.T, existing ...string) *world {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, client: metadatafake.NewSimpleMetadataClient(scheme), clock: clocktesting.NewFakePassiveClock(build.Epoch)}
	for _, name := range existing {
		w.create(name)
	}
	w.Counter = New(t.Context(), w.client, w.clock)
	w.Follow(key)
	w.eventually("the Pods are counted", func() bool { return w.Counted(key) })
	return w
}

func (w *world) create(name string) {
	w.Helper()
	if err := w.client.Tracker().Create(pods, carrying(name), "shop"); err != nil {
		w.Fatal(err)
	}
}

// eventually waits for what a watch brings about.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("never: %s", what)
		}
	}
}

func (w *world) wantPlace(maxPods int32) (release func()) {
	w.Helper()
	release, err := w.Reserve(key, maxPods, "", false)
	if err != nil {
		w.Fatal(err)
	}
	return release
}

func (w *world) wantNoPlace(maxPods int32) {
	w.Helper()
	if _, err := w.Reserve(key, maxPods, "", false); !errors.Is(err, FullError{maxPods}) {
		w.Errorf("got %v, want that there is no place", err)
	}
}

// load is how many Pods count.
func (w *world) load() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.followed[key].count()
}

func (w *world) reserved() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.followed[key].reserved)
}

func TestPlacesAreThoseThatNoPodHas(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.wantPlace(3)
	w.wantNoPlace(3)
	w.wantPlace(4)
}

func TestAPlaceThatIsGivenBackIsFree(t *testing.T) {
	w := newWorld(t)
	release := w.wantPlace(1)
	w.wantNoPlace(1)
	release()
	w.wantPlace(1)
}

func TestADryRunTakesNoPlace(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if _, err := w.Reserve(key, 1, "", true); err != nil {
			t.Fatal(err)
		}
	}
	w.wantPlace(1)
	if _, err := w.Reserve(key, 1, "", true); err == nil {
		t.Error("a dry run gets a place that there is not")
	}
}

func TestAPodThatComesTakesItsOwnPlace(t *testing.T) {
	w := newWorld(t)
	w.wantPlace(2)
	w.create("a")
	w.eventually("the Pod is there and its reservation is not", func() bool { return w.load() == 1 && w.reserved() == 0 })
	w.wantPlace(2)
	w.wantNoPlace(2)
}

// TestAPodThatIsTriedAgainHasOnePlace: a quota may refuse it after us, again and again.
func TestAPodThatIsTriedAgainHasOnePlace(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		if _, err := w.Reserve(key, 2, "web-0", false); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.load(); got != 1 {
		t.Errorf("the Pod has %d places", got)
	}
	w.wantPlace(2)
	w.wantNoPlace(2)
	if _, err := w.Reserve(key, 2, "web-0", true); err == nil {
		t.Error("a dry run takes the place of the Pod")
	}
}

func TestAPodThatComesGivesBackItsOwnReservation(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"web-0", "", "web-1"} {
		if _, err := w.Reserve(key, 3, name, false); err != nil {
			t.Fatal(err)
		}
	}
	names := func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		var out []string
		for _, r := range w.followed[key].reserved {
			out = append(out, r.pod)
		}
		return out
	}
	w.create("web-1")
	w.eventually("its own is given back", func() bool { return cmp.Equal(names(), []string{"web-0", ""}) })
	w.create("cart-x7f2k")
	w.eventually("one without a name is given back", func() bool { return cmp.Equal(names(), []string{"web-0"}) })
	w.create("cart-b91ss")
	w.eventually("all Pods count", func() bool { return w.load() == 4 })
	if diff := cmp.Diff([]string{"web-0"}, names()); diff != "" {
		t.Errorf("a Pod that nobody reserved for gives back another's (-want +got):\n%s", diff)
	}
}

func TestAPodThatNeverComesFreesItsPlace(t *testing.T) {
	w := newWorld(t)
	w.wantPlace(1)
	w.clock.SetTime(build.Epoch.Add(seenWithin - 1))
	w.wantNoPlace(1)
	w.clock.SetTime(build.Epoch.Add(seenWithin))
	w.wantPlace(1)
}

func TestPodsThatGoFreeTheirPlaces(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.wantNoPlace(2)
	if err := w.client.Tracker().Delete(pods, "shop", "a"); err != nil {
		t.Fatal(err)
	}
	w.eventually("the deleted Pod counts no more", func() bool { return w.load() == 1 })
	leaving := carrying("b")
	leaving.DeletionTimestamp = &metav1.Time{Time: build.Epoch}
	if err := w.client.Tracker().Update(pods, leaving, "shop"); err != nil {
		t.Fatal(err)
	}
	w.eventually("a Pod on its way out counts no more", func() bool { return w.load() == 0 })
}

func TestAPatchThatIsNotFollowedHasNoPlaces(t *testing.T) {
	w := newWorld(t)
	w.Follow(key) // again
	w.Forget(key)
	w.Forget(key) // again
	if _, err := w.Reserve(key, 1, "", false); !errors.Is(err, ErrNotCounted) || w.Counted(key) {
		t.Errorf("got %v, counted: %t", err, w.Counted(key))
	}
}

func TestErrorsGoOnAfterBecause(t *testing.T) {
	want := "maxPods is 3, and as many Pods carry it"
	if got := fmt.Sprint(FullError{3}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
