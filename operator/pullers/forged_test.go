// SPDX-License-Identifier: Apache-2.0

package pullers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pull"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/loop"
)

// makeOne has one puller made, and returns it as it is stored.
func makeOne(t *testing.T, p *Pullers) *corev1.Pod {
	t.Helper()
	p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
	known, err := p.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 1 {
		t.Fatalf("known: %+v (%v), want one puller", known, err)
	}
	return known.Pullers[0].Pod.DeepCopy()
}

// Whoever may make Pods in a namespace could otherwise have any image taken for one that can be pulled.
func TestAPullerThatSomebodyElseMadeProvesNothing(t *testing.T) {
	forged := pull.NewPod(start(pod("web")), pod("web"), "SidecarSet", set(), time.Minute)
	forged.Name, forged.UID = "mine", "forged"
	forged.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pull.ContainerName, ImageID: "x"}}
	p := pullersOf(nil, forged, pod("web"))
	known, err := p.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 0 || len(known.Stray) != 1 || known.InAll != 0 {
		t.Errorf("known: %+v (%v), want one that is to be deleted", known, err)
	}
}

func TestAPullerOfAnEarlierOperatorIsDeleted(t *testing.T) {
	p := pullersOf(nil, pod("web"))
	before := makeOne(t, p)
	later := New(loop.Cluster{Client: p.writer.(client.Client), Live: p.live}, "SidecarSet", nil)
	known, err := later.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 0 || len(known.Stray) != 1 || known.Stray[0].UID != before.UID {
		t.Errorf("known: %+v (%v), want one that is to be deleted", known, err)
	}
}

// Whoever may change Pods in a namespace may change pullers too.
func TestAPullerThatSomebodyHasChangedSaysNothing(t *testing.T) {
	for name, change := range map[string]func(*corev1.Pod){
		"another image":               func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mesh:1" },
		"another image that it names": func(p *corev1.Pod) { p.Annotations[v1beta1.PulledImageAnnotation] = "mesh:3" },
		"another label":               func(p *corev1.Pod) { delete(p.Labels, v1beta1.ImagePullerLabel) },
		"no owner":                    func(p *corev1.Pod) { p.OwnerReferences = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := pullersOf(nil, pod("web"))
			puller := makeOne(t, p)
			change(puller)
			if err := p.writer.(client.Client).Update(t.Context(), puller); err != nil {
				t.Fatal(err)
			}
			saysNothing(t, p, "Pod default/"+puller.Name+" on node node-1 was deleted or changed by somebody else")
		})
	}
}

// It would otherwise be made again and again, and nothing would ever restart.
func TestAPullerThatSomebodyHasDeletedSaysNothing(t *testing.T) {
	p := pullersOf(nil, pod("web"))
	puller := makeOne(t, p)
	if err := p.writer.Delete(t.Context(), puller); err != nil {
		t.Fatal(err)
	}
	saysNothing(t, p, "Pod default/"+puller.Name+" on node node-1 was deleted or changed by somebody else")
}

// Nobody else has ended a puller that we have asked to delete, whatever the answer was: were it taken so, Pods of its
// namespace would restart on its node with what nobody has pulled there.
func TestAPullerIsOursToDeleteThoughTheAnswerIsLost(t *testing.T) {
	p := pullersOf(nil, pod("web"))
	puller := makeOne(t, p)
	p.writer = interceptor.NewClient(p.writer.(client.WithWatch), interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			return errors.Join(errors.New("connection reset"), c.Delete(ctx, o, options...))
		},
	})
	if got := p.Apply(t.Context(), set(), &pull.Plan{Ends: []pull.End{{Puller: puller}}}, now, 4); len(got.Failed) != 1 {
		t.Errorf("outcome: %+v, want a failure", got)
	}
	known, err := p.Known(t.Context(), set(), now)
	if err != nil || len(known.Pullers) != 0 || len(known.Tries) != 0 || known.InAll != 0 {
		t.Errorf("known: %+v (%v), want nothing", known, err)
	}
}

func saysNothing(t *testing.T, p *Pullers, words string) {
	t.Helper()
	for range 2 { // it is said once
		known, err := p.Known(t.Context(), set(), now)
		if err != nil || len(known.Pullers) != 0 || known.InAll != 0 {
			t.Fatalf("known: %+v (%v), want no puller", known, err)
		}
		for i := range known.Tries {
			known.Tries[i].Puller = ""
		}
		want := []pull.Try{{
			Key: pull.Key{Node: "node-1", Image: "mesh:2"}, Namespace: "default", State: pull.SaysNothing, Words: words, Lost: true, Began: now, At: now,
		}}
		if diff := cmp.Diff(want, known.Tries); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
	}
}

// Pods that only call themselves pullers would otherwise keep all images from being pulled.
func TestOnlyPullersThatWeMadeTakeUpRoom(t *testing.T) {
	objects := []client.Object{pod("web")}
	for i := range pull.MostInAll {
		forged := build.MakePod(fmt.Sprintf("forged-%d", i)).Label(v1beta1.ImagePullerLabel, "SidecarSet").Obj()
		forged.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "web"}}
		objects = append(objects, forged)
	}
	p := pullersOf(nil, objects...)
	makeOne(t, p)
	if known, err := p.Known(t.Context(), set(), now); err != nil || known.InAll != 1 {
		t.Errorf("known: %+v (%v), want one puller in all", known, err)
	}
}

// The name of a puller can be reckoned. Whoever has taken it is not to keep an image from everybody else.
func TestTheNameOfAPullerIsTaken(t *testing.T) {
	name := pull.Name("SidecarSet", set(), start(pod("web")).Key)
	there := func(change func(*corev1.Pod)) *corev1.Pod {
		p := build.MakePod(name).Obj()
		change(p)
		return p
	}
	puller := func(p *corev1.Pod) { p.Labels = map[string]string{v1beta1.ImagePullerLabel: "SidecarSet"} }
	refused := Outcome{In: time.Millisecond, Tries: []pull.Try{{
		Key: pull.Key{Node: "node-1", Image: "mesh:2"}, Namespace: "default", State: pull.SaysNothing, Refused: true, Began: now, At: now,
		Words: "Pod default/" + name + " is there already, and none that we made",
	}}}
	for test, each := range map[string]struct {
		there *corev1.Pod
		want  Outcome
		stays bool
	}{
		"by a Pod of somebody":                    {there(func(*corev1.Pod) {}), refused, true},
		"by a puller of before, which is deleted": {there(puller), Outcome{In: crowded}, false},
		"by a puller that somebody keeps from going": {there(func(p *corev1.Pod) {
			puller(p)
			p.Finalizers, p.DeletionTimestamp = []string{"example.com/hold"}, &p.CreationTimestamp
		}), refused, true},
	} {
		t.Run(test, func(t *testing.T) {
			p := pullersOf(nil, pod("web"), each.there)
			got := p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
			if diff := cmp.Diff(each.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			err := p.live.Get(t.Context(), types.NamespacedName{Namespace: "default", Name: name}, &corev1.Pod{})
			if stays := err == nil; stays != each.stays {
				t.Errorf("it stays: %v (%v), want %v", stays, err, each.stays)
			}
		})
	}
}

// The API server asks for patience: that is no word about any namespace.
func TestAnAPIServerThatIsBusyRefusesNothing(t *testing.T) {
	p := pullersOf(func() error { return apierrors.NewTooManyRequests("busy", 1) }, pod("web"))
	got := p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
	if diff := cmp.Diff(Outcome{In: crowded}, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// A Pod need not say that it runs on Windows: affinity may have brought it there. Its node does.
func TestNoPullerIsMadeOnAWindowsNode(t *testing.T) {
	for system, want := range map[string]Outcome{
		"linux": {},
		"windows": {In: time.Millisecond, Tries: []pull.Try{{
			Key: pull.Key{Node: "node-1", Image: "mesh:2"}, Namespace: "default", State: pull.SaysNothing, Began: now, At: now,
			Words: "node node-1 runs Windows, where no image is pulled ahead",
		}}},
	} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1", Labels: map[string]string{corev1.LabelOSStable: system}}}
		p := pullersOf(nil, pod("web"), node)
		got := p.Apply(t.Context(), set(), &pull.Plan{Starts: []pull.Start{start(pod("web"))}, Timeout: time.Minute}, now, 4)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", system, diff)
		}
	}
}

// Its pullers went with the set of before, and nobody else has ended them.
func TestASetThatIsMadeAnewKnowsNothingOfTheOneBefore(t *testing.T) {
	p := pullersOf(nil, pod("web"))
	puller := makeOne(t, p)
	if err := p.writer.Delete(t.Context(), puller); err != nil {
		t.Fatal(err)
	}
	anew := set()
	anew.UID = "anew"
	known, err := p.Known(t.Context(), anew, now)
	if err != nil || len(known.Tries) != 0 {
		t.Errorf("known: %+v (%v), want no tries", known, err)
	}
	p.Forget(client.ObjectKey{Name: "mesh"})
	if n := p.memory.inAll(); n != 0 {
		t.Errorf("%d pullers of sets that are gone take up room", n)
	}
}
