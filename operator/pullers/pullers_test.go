// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pull"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/loop"
	"github.com/windlass-operator/windlass/program"
)

var now = build.Epoch.Add(time.Hour)

func set() *v1beta1.SidecarSet {
	return &v1beta1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "mesh", UID: "mesh-uid"}}
}

// pod is one that a puller is for. The cache has dropped what the puller needs of it.
func pod(name string) *corev1.Pod {
	p := build.MakePod(name).Container("mesh", "mesh:1").Obj()
	p.Spec.ServiceAccountName = "web"
	return p
}

func start(of *corev1.Pod) pull.Start {
	trimmed, _ := podcache.Trim(of)
	return pull.Start{Key: pull.Key{Node: of.Spec.NodeName, Image: "mesh:2"}, For: trimmed.(*corev1.Pod), Container: "mesh"}
}

func pullersOf(create func() error, objects ...client.Object) *Pullers {
	c := fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).
		WithIndex(&corev1.Pod{}, podcache.PullerIndex, func(o client.Object) []string { return podcache.PullerOwner(o) }).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
				if create != nil {
					return create()
				}
				object.SetUID(types.UID("new-" + object.GetName()))
				return c.Create(ctx, object, options...)
			},
		}).Build()
	return New(loop.Cluster{Client: c, Live: c}, "SidecarSet", nil)
}

// noteMade lets a Pod be one that was made as a puller for an object of a kind.
func noteMade(p *Pullers, kind string, uid types.UID, puller *corev1.Pod) {
	puller.UID = uid
	p.memory.noteMade(object{place{kind, client.ObjectKey{Name: "mesh"}}, "mesh-uid"}, puller, now)
}

func TestWhatBecomesOfAPullThatIsToBegin(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "x", errors.New("exceeded quota: full"))
	silent := []pull.Try{{
		Key: pull.Key{Node: "node-1", Image: "mesh:2"}, Namespace: "default", State: pull.SaysNothing, Refused: true,
		Words: `pods "x" is forbidden: exceeded quota: full`, Began: now, At: now,
	}}
	other := pod("web")
	other.UID = "another"
	for name, test := range map[string]struct {
		create  func() error
		objects []client.Object
		want    Outcome
		failed  int
		before  int
		made    int
	}{
		"it is made":                        {objects: []client.Object{pod("web")}, made: 1},
		"it was there a moment ago":         {objects: []client.Object{pod("web")}, create: func() error { return apierrors.NewAlreadyExists(schema.GroupResource{}, "x") }, want: Outcome{In: crowded}},
		"a quota refuses it":                {objects: []client.Object{pod("web")}, create: func() error { return forbidden }, want: Outcome{Tries: silent, In: time.Millisecond}},
		"a conflict about a quota":          {objects: []client.Object{pod("web")}, create: func() error { return apierrors.NewConflict(schema.GroupResource{}, "full", nil) }, failed: 1},
		"nobody knows":                      {objects: []client.Object{pod("web")}, create: func() error { return errors.New("connection reset") }, failed: 1},
		"the Pod that it is for is gone":    {},
		"another Pod has its name":          {objects: []client.Object{other}},
		"there are as many as there may be": {objects: []client.Object{pod("web")}, want: Outcome{In: crowded}, before: pull.MostInAll, made: pull.MostInAll},
	} {
		t.Run(name, func(t *testing.T) {
			p := pullersOf(test.create, test.objects...)
			for i := range test.before {
				noteMade(p, "StatefulSet", types.UID(strconv.Itoa(i)), pod("web"))
			}
			got := p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
			failed := len(got.Failed)
			got.Failed = nil
			if diff := cmp.Diff(test.want, got); diff != "" || failed != test.failed {
				t.Errorf("failed %d, want %d; outcome (-want +got):\n%s", failed, test.failed, diff)
			}
			if made := p.memory.inAll(); made != test.made {
				t.Errorf("pullers: %d, want %d", made, test.made)
			}
		})
	}
}

func TestAPullerHasWhatTheCacheDropsOfItsPod(t *testing.T) {
	p := pullersOf(nil, pod("web"))
	p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
	known, err := p.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 1 || known.InAll != 1 {
		t.Fatalf("known: %+v (%v), want one puller", known, err)
	}
	if got := known.Pullers[0].Pod.Spec.ServiceAccountName; got != "web" {
		t.Errorf("its account is %q, want that of the Pod", got)
	}
}

func TestPullersAreDeletedAndWhatTheyShowedIsRemembered(t *testing.T) {
	mine := pull.NewPod(start(pod("web")), pod("web"), "SidecarSet", set(), time.Minute)
	stray := mine.DeepCopy()
	stray.Name, stray.OwnerReferences = "stray", nil
	mine.UID, stray.UID = "mine", "stray"
	p := pullersOf(nil, mine, stray)
	noteMade(p, "SidecarSet", mine.UID, mine)
	known, err := p.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 1 || len(known.Stray) != 1 {
		t.Fatalf("known: %+v (%v), want one puller and a stray one", known, err)
	}
	try := pull.Try{Key: pull.KeyOf(mine), State: pull.Has, Puller: mine.UID, At: now}
	p.Apply(t.Context(), set(), &pull.Plan{Ends: []pull.End{{Puller: mine, Try: &try}, {Puller: stray}}}, now, 4)
	known, err = p.Known(t.Context(), set(), now.Add(9*time.Minute))
	if diff := cmp.Diff(pull.Known{Now: now.Add(9 * time.Minute), Stray: []*corev1.Pod{}, Tries: []pull.Try{try}}, known); err != nil || diff != "" {
		t.Errorf("known afterwards (%v) (-want +got):\n%s", err, diff)
	}
	p.Forget(client.ObjectKey{Name: "mesh"})
	if known, _ = p.Known(t.Context(), set(), now); len(known.Tries) != 0 {
		t.Errorf("of a set that is gone this is remembered: %v", known.Tries)
	}
}

func TestSinceWhenAPullFailsIsRemembered(t *testing.T) {
	p, o := pullersOf(nil), object{place{"SidecarSet", client.ObjectKey{Name: "mesh"}}, "mesh-uid"}
	failing := pull.NewPod(start(pod("web")), pod("web"), "SidecarSet", set(), time.Minute)
	noteMade(p, "SidecarSet", "a", failing)
	failing.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pull.ContainerName, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}},
	}}
	var got []time.Time
	for _, at := range []time.Duration{0, 10 * time.Second, 20 * time.Second} {
		_, pullers, _ := p.memory.recall(o, []*corev1.Pod{failing}, now.Add(at))
		got = append(got, pullers[0].FailingSince)
	}
	if diff := cmp.Diff([]time.Time{now, now, now}, got); diff != "" {
		t.Errorf("failing since (-want +got):\n%s", diff)
	}
}
