// SPDX-License-Identifier: Apache-2.0

package versions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/revision"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func compile(t *testing.T, object *v1beta1.SidecarSet) *sidecar.Set {
	t.Helper()
	set, err := sidecar.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// record keeps the version of a set as revision s-<number>.
func record(t *testing.T, known *Known, set *sidecar.Set, number int64, customVersion string) *appsv1.ControllerRevision {
	t.Helper()
	data, err := set.VersionData()
	if err != nil {
		t.Fatal(err)
	}
	r := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("s-%d", number), Labels: map[string]string{v1beta1.SidecarSetCustomVersionLabel: customVersion},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set.Object, v1beta1.GroupVersion.WithKind("SidecarSet"))},
		},
		Data: runtime.RawExtension{Raw: data}, Revision: number,
	}
	known.put(r)
	return r
}

func TestWhichVersionAPodGets(t *testing.T) {
	type pin = v1beta1.SidecarSetInjectRevision
	pinned := func(p pin) func(*v1beta1.SidecarSetSpec) {
		return func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Revision = &p }
	}
	partial := func(strategy v1beta1.SidecarSetUpdateStrategy) func(*v1beta1.SidecarSetSpec) {
		return func(s *v1beta1.SidecarSetSpec) {
			s.UpdateStrategy = strategy
			s.InjectionStrategy.Revision = &pin{RevisionName: ptr.To("s-1"), Policy: v1beta1.PartialSidecarSetInjectRevisionPolicy}
		}
	}
	canary := &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}
	percent := build.MakeSidecarSet("x").Partition("100%").Obj().Spec.UpdateStrategy.Partition
	number := build.MakeSidecarSet("x").Partition("5").Obj().Spec.UpdateStrategy.Partition
	for name, test := range map[string]struct {
		change func(*v1beta1.SidecarSetSpec)
		want   string // image and revision
	}{
		"without a pin the current one":            {func(*v1beta1.SidecarSetSpec) {}, "agent:3 s-3"},
		"a pin by name":                            {pinned(pin{RevisionName: ptr.To("s-1")}), "agent:1 s-1"},
		"a pin by custom version takes the newest": {pinned(pin{CustomVersion: ptr.To("lts")}), "agent:2 s-2"},
		"Partial with a number is the current one": {partial(v1beta1.SidecarSetUpdateStrategy{Partition: number}), "agent:3 s-3"},
		"Partial with 100 % is the pinned one":     {partial(v1beta1.SidecarSetUpdateStrategy{Partition: percent}), "agent:1 s-1"},
		"Partial, left out by the update":          {partial(v1beta1.SidecarSetUpdateStrategy{Selector: canary}), "agent:1 s-1"},
		"Partial, while the update is paused":      {partial(v1beta1.SidecarSetUpdateStrategy{Paused: true}), "agent:1 s-1"},
	} {
		t.Run(name, func(t *testing.T) {
			known, object := newKnown(), build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
			record(t, known, compile(t, object), 1, "lts")
			object.Spec.Containers[0].Image = "agent:2"
			record(t, known, compile(t, object.DeepCopy()), 2, "lts")
			object.Spec.Containers[0].Image = "agent:3"
			record(t, known, compile(t, object.DeepCopy()), 3, "")
			test.change(&object.Spec)
			version, err := known.For(compile(t, object), build.MakePod("p").Label("app", "web").New().Obj())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, version.Spec.Containers[0].Image+" "+version.Revision); diff != "" {
				t.Errorf("version (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPinToNothingGivesTheCurrentVersionAndSaysSo(t *testing.T) {
	object := build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	object.Spec.InjectionStrategy.Revision = &v1beta1.SidecarSetInjectRevision{CustomVersion: ptr.To("gone")}
	set, known := compile(t, object), newKnown()
	version, err := known.For(set, build.MakePod("p").New().Obj())
	if err == nil || !strings.Contains(err.Error(), "customVersion gone") || version.Hashes != set.Hashes {
		t.Errorf("version %+v, error %v", version.Hashes, err)
	}
}

func TestExists(t *testing.T) {
	known, set := newKnown(), compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	record(t, known, set, 1, "lts")
	for _, test := range []struct {
		name, custom string
		want         bool
	}{{"s-1", "", true}, {"s-2", "", false}, {"", "lts", true}, {"", "beta", false}, {"s-2", "lts", false}} {
		if got := known.Exists(set.Object, test.name, test.custom); got != test.want {
			t.Errorf("Exists(%q, %q) = %t, want %t", test.name, test.custom, got, test.want)
		}
	}
}

// The operator may not have recorded a version when its first Pods come.
func TestTheNameOfAVersionIsKnownBeforeItIsRecorded(t *testing.T) {
	set, known := compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()), newKnown()
	data, err := set.VersionData()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := revision.Name("s", data, nil)
	version, err := known.For(set, build.MakePod("p").New().Obj())
	if err != nil || version.Revision != want {
		t.Errorf("revision %q, %v; want %q", version.Revision, err, want)
	}
	record(t, known, set, 7, "")
	if version, err = known.For(set, build.MakePod("p").New().Obj()); err != nil || version.Revision != "s-7" {
		t.Errorf("revision %q, %v; want the recorded one", version.Revision, err)
	}
	known.remove(&appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{
		Name: "s-7", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set.Object, v1beta1.GroupVersion.WithKind("SidecarSet"))},
	}})
	if version, err = known.For(set, build.MakePod("p").New().Obj()); err != nil || version.Revision != want {
		t.Errorf("revision %q, %v; want %q again", version.Revision, err, want)
	}
}

func TestSharesAreKeptToAndNamedPodsKeepTheirVersion(t *testing.T) {
	known, object := newKnown(), build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	record(t, known, compile(t, object), 1, "")
	object.Spec.Containers[0].Image = "agent:2"
	object.Spec.InjectionStrategy.Revision = &v1beta1.SidecarSetInjectRevision{
		RevisionName: ptr.To("s-1"), Policy: v1beta1.PartialSidecarSetInjectRevisionPolicy,
	}
	object.Spec.UpdateStrategy.Partition = build.MakeSidecarSet("x").Partition("30%").Obj().Spec.UpdateStrategy.Partition
	set := compile(t, object)
	count := func(name func(int) string) (pinned int) {
		for i := range 1000 {
			pod := build.MakePod(name(i)).Label("app", "web").New().Obj()
			first, err := known.For(set, pod)
			if err != nil {
				t.Fatal(err)
			}
			if pod.Name != "" {
				if again, err := known.For(set, pod); err != nil || again.Revision != first.Revision {
					t.Fatalf("Pod %s gets %s, then %s (%v)", pod.Name, first.Revision, again.Revision, err)
				}
			}
			if first.Revision == "s-1" {
				pinned++
			}
		}
		return pinned
	}
	if n := count(func(int) string { return "" }); n < 295 || n > 305 {
		t.Errorf("%d of 1000 Pods without a name get the pinned version, want 300", n)
	}
	if n := count(func(i int) string { return fmt.Sprint("web-", i) }); n < 250 || n > 350 {
		t.Errorf("%d of 1000 named Pods get the pinned version, want about 300", n)
	}
}

func TestAPodThatHoldsThePinnedVersionKeepsIt(t *testing.T) {
	known, object := newKnown(), build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	old := compile(t, object)
	record(t, known, old, 1, "")
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{old}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	object = object.DeepCopy()
	object.Spec.Containers[0].Image = "agent:2"
	object.Spec.InjectionStrategy.Revision = &v1beta1.SidecarSetInjectRevision{
		RevisionName: ptr.To("s-1"), Policy: v1beta1.PartialSidecarSetInjectRevisionPolicy,
	}
	if version, err := known.For(compile(t, object), pod); err != nil || version.Revision != "s-1" {
		t.Errorf("revision %q, %v; want s-1", version.Revision, err)
	}
}

func TestAPodThatHoldsTheCurrentVersionKeepsIt(t *testing.T) {
	known, object := newKnown(), build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	record(t, known, compile(t, object), 1, "")
	object = object.DeepCopy()
	object.Spec.Containers[0].Image = "agent:2"
	object.Spec.InjectionStrategy.Revision = &v1beta1.SidecarSetInjectRevision{
		RevisionName: ptr.To("s-1"), Policy: v1beta1.PartialSidecarSetInjectRevisionPolicy,
	}
	// By its place alone, every Pod would get the pinned version.
	object.Spec.UpdateStrategy.Partition = build.MakeSidecarSet("x").Partition("100%").Obj().Spec.UpdateStrategy.Partition
	set := compile(t, object)
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	injection, err := sidecar.Inject(pod, []*sidecar.Set{set.WithRevision("s-2")}, metav1.NewTime(build.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	injection.Apply(pod)
	if version, err := known.For(set, pod); err != nil || version.Spec.Containers[0].Image != "agent:2" {
		t.Errorf("version %+v, %v; want the current one", version.Spec.Containers, err)
	}
}

// Labels and annotations change without a new generation.
func TestAChangedSetOfTheSameGenerationIsNotServedStale(t *testing.T) {
	known, object := newKnown(), build.MakeSidecarSet("s").Container("agent", "agent:1").Obj()
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	for _, custom := range []string{"lts", "beta"} {
		object = object.DeepCopy()
		object.Labels = map[string]string{v1beta1.SidecarSetCustomVersionLabel: custom}
		version, err := known.For(compile(t, object), pod)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object.Labels, version.Object.Labels); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
	}
}

// A revision may come while a version is worked out from those before it.
func TestWhatWasWorkedOutFromOlderRevisionsIsNotKept(t *testing.T) {
	known, set := newKnown(), compile(t, build.MakeSidecarSet("s").Container("agent", "agent:1").Obj())
	revisions, epoch := known.of(set.Object.UID)
	late, err := workOut(set, revisions)
	if err != nil {
		t.Fatal(err)
	}
	record(t, known, set, 7, "")
	known.keep(late, epoch)
	version, err := known.For(set, build.MakePod("p").New().Obj())
	if err != nil || version.Revision != "s-7" {
		t.Errorf("revision %q, %v; want the one that was recorded meanwhile", version.Revision, err)
	}
}
