// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
	"github.com/windlass-operator/windlass/webhook/freshness"
	"github.com/windlass-operator/windlass/webhook/sidecarset"
)

// lagging is a cluster whose API server has answered a write that the watch of a replica brings only later.
type lagging struct {
	server client.Client
	known  *sidecarset.Followed
	// cached is the Namespace as the replica's cache has it.
	cached *corev1.Namespace
}

func newLagging(t *testing.T) *lagging {
	t.Helper()
	l := &lagging{
		server: fake.NewClientBuilder().WithScheme(program.Scheme()).Build(),
		known:  sidecarset.NewFollowed(),
		cached: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
	}
	labelled := l.cached.DeepCopy()
	labelled.Labels = map[string]string{"team": "a"}
	if err := l.server.Create(t.Context(), labelled); err != nil {
		t.Fatal(err)
	}
	return l
}

// write stores a set; the watch brings it so much later, and never when after is 0.
func (l *lagging) write(t *testing.T, set *v1beta1.SidecarSet, after time.Duration) {
	t.Helper()
	set = set.DeepCopy()
	set.ResourceVersion = ""
	stored := &v1beta1.SidecarSet{}
	var err error
	if l.server.Get(t.Context(), client.ObjectKeyFromObject(set), stored) == nil {
		set.ResourceVersion = stored.ResourceVersion
		err = l.server.Update(t.Context(), set)
	} else {
		err = l.server.Create(t.Context(), set)
	}
	if err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		time.AfterFunc(after, func() { l.known.Put(t.Context(), set) })
	}
}

func (l *lagging) admit(t *testing.T, enforced bool) (admission.Request, admission.Response) {
	t.Helper()
	h := &Handler{
		Sets: l.known.Index, Reader: fake.NewClientBuilder().WithObjects(l.cached).Build(),
		Clock: clocktesting.NewFakePassiveClock(build.Epoch), Enforced: enforced,
	}
	if enforced {
		h.Fresh = freshness.New(l.known.Seen, l.server)
	}
	request := review(t, build.MakePod("p").Label("app", "web").New().Obj())
	return request, h.Handle(t.Context(), request)
}

func TestWhereInjectionIsEnforcedNoWriteIsMissedThatTheAPIServerHasAnswered(t *testing.T) {
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s").Container("agent", "agent:1") }
	other := func(b *build.SidecarSetBuilder) *v1beta1.SidecarSet {
		return b.Selector(&metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}).Obj()
	}
	const lag = 700 * time.Millisecond
	for name, test := range map[string]struct {
		writes   func(t *testing.T, l *lagging)
		enforced bool
		want     []string // the images of the Pod's containers
		denied   string
	}{
		"a new set": {
			writes:   func(t *testing.T, l *lagging) { l.write(t, set().Obj(), lag) },
			enforced: true, want: []string{"agent:1", "app:1"},
		},
		"another image": {
			writes: func(t *testing.T, l *lagging) {
				l.write(t, set().Obj(), time.Nanosecond)
				time.Sleep(time.Microsecond)
				newer := build.MakeSidecarSet("s").Container("agent", "agent:2").Obj()
				newer.Generation++
				l.write(t, newer, lag)
			},
			enforced: true, want: []string{"agent:2", "app:1"},
		},
		"a wider selector": {
			writes: func(t *testing.T, l *lagging) {
				l.write(t, other(set()), time.Nanosecond)
				time.Sleep(time.Microsecond)
				wider := set().Obj()
				wider.Generation++
				l.write(t, wider, lag)
			},
			enforced: true, want: []string{"agent:1", "app:1"},
		},
		"a label of the Namespace that the cache does not have yet": {
			writes: func(t *testing.T, l *lagging) {
				l.write(t, set().Spec(func(s *v1beta1.SidecarSetSpec) {
					s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
				}).Obj(), lag)
			},
			enforced: true, want: []string{"agent:1", "app:1"},
		},
		"a set that this replica never hears of: no Pod": {
			writes:   func(t *testing.T, l *lagging) { l.write(t, set().Obj(), 0) },
			enforced: true, denied: "SidecarSet s has changed, and this replica has not heard of it",
		},
		"elsewhere nobody waits": {
			writes: func(t *testing.T, l *lagging) { l.write(t, set().Obj(), lag) },
			want:   []string{"app:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLagging(t)
				test.writes(t, l)
				request, response := l.admit(t, test.enforced)
				time.Sleep(time.Minute) // what is under way ends inside the bubble
				if response.Allowed != (test.denied == "") {
					t.Fatalf("allowed: %t, %v", response.Allowed, response.Result)
				}
				if test.denied != "" {
					if response.Result.Code != http.StatusInternalServerError || !strings.Contains(response.Result.Message, test.denied) {
						t.Errorf("the refusal is %d %q, want %q in it", response.Result.Code, response.Result.Message, test.denied)
					}
					return
				}
				var images []string
				for _, c := range patched(t, request, response).Spec.Containers {
					images = append(images, c.Image)
				}
				if got, want := strings.Join(images, " "), strings.Join(test.want, " "); got != want {
					t.Errorf("the Pod's containers are %s, want %s", got, want)
				}
			})
		})
	}
}
