// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// recordingPatcher answers patches of Pods by name and remembers them. Plans of these tests need nothing else of a
// writer.
type recordingPatcher struct {
	client.Client
	answers map[string]error

	mu      sync.Mutex
	patches map[string]string
}

func (p *recordingPatcher) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(object)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.patches == nil {
		p.patches = map[string]string{}
	}
	p.patches[object.GetName()] = string(patch.Type()) + " " + string(data)
	return p.answers[object.GetName()]
}

func TestOneRefusedPodDoesNotStopTheOthers(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	kind := schema.GroupKind{Kind: "Pod"}
	refused := errors.New("the quota is exceeded")
	patcher := &recordingPatcher{answers: map[string]error{
		"web-4": refused,
		"web-3": apierrors.NewNotFound(pods, "web-3"),
		"web-2": apierrors.NewConflict(pods, "web-2", errors.New("another UID")),
		"web-1": apierrors.NewInvalid(kind, "web-1", nil),
	}}
	w := newRollout(t, 6, build.MakeSidecarSet("s").MaxUnavailable("100%")).image("agent:2")
	outcome := (&executor{writer: patcher, parallel: 2}).apply(t.Context(), &Plan{Updates: w.plan().Updates})

	var updated []string
	for _, u := range outcome.Updated {
		updated = append(updated, u.View.Pod.Name)
	}
	slices.Sort(updated)
	if diff := cmp.Diff([]string{"web-0", "web-5"}, updated); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if outcome.Stale != 3 || len(outcome.Refused) != 1 || !errors.Is(outcome.Refused[0].Err, refused) || outcome.Err() != nil {
		t.Errorf("stale %d, refused %v, errors %v; want 3 stale and the quota's refusal", outcome.Stale, outcome.Refused, outcome.Err())
	}
	if len(patcher.patches) != 6 {
		t.Errorf("%d Pods were written to, want 6", len(patcher.patches))
	}
}

// writerOf is an API server that has the Pods of a rollout, and refuses writes by their verbs.
func writerOf(w *rollout, answers map[string]error) *world.Client {
	store := world.NewStore(w.t)
	for _, pod := range w.pods {
		store.Add(pod.DeepCopy())
	}
	return &world.Client{Store: store, Fault: func(r world.Request) error { return answers[r.Verb] }}
}

func verbs(requests []world.Request) (out []string) {
	for _, r := range requests {
		out = append(out, r.Verb)
	}
	return out
}

func TestAChangeOfTwoWritesIsAskedAboutBeforeItIsMade(t *testing.T) {
	policy := byPolicy(nil)
	noDryRun := apierrors.NewBadRequest(`admission webhook "w.example.com" does not support dry run`)
	for name, test := range map[string]struct {
		resized bool
		answers map[string]error
		want    []string
		refused bool
	}{
		"an image alone takes one write": {want: []string{"patch"}},
		"an image alone that is refused": {answers: map[string]error{"patch": policy}, want: []string{"patch"}, refused: true},
		"with resources, all is accepted": {
			resized: true, want: []string{"try patch", "try patch/resize", "patch", "patch/resize"},
		},
		"with resources, the image is refused": {
			resized: true, answers: map[string]error{"try patch": policy}, want: []string{"try patch"}, refused: true,
		},
		"with resources, those are refused": {
			resized: true, answers: map[string]error{"try patch/resize": policy}, want: []string{"try patch", "try patch/resize"}, refused: true,
		},
		"with resources, and nobody can be asked": {
			resized: true, answers: map[string]error{"try patch": noDryRun, "try patch/resize": noDryRun},
			want: []string{"try patch", "try patch/resize", "patch", "patch/resize"},
		},
		"with resources that are refused all the same": {
			resized: true, answers: map[string]error{"patch/resize": policy}, want: []string{"try patch", "try patch/resize", "patch", "patch/resize"}, refused: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := resizing(t, 1, requests("10m"), requests("10m")).image("agent:2")
			update := w.plan().Updates[0]
			if test.resized {
				update.Change.Resources = map[string]corev1.ResourceRequirements{"agent": requests("20m")}
			}
			server := writerOf(w, test.answers)
			outcome := (&executor{writer: server, parallel: 1}).apply(t.Context(), &Plan{Updates: []UpdatePod{update}})
			if diff := cmp.Diff(test.want, verbs(server.Requests)); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if got := len(outcome.Refused) == 1; got != test.refused || len(outcome.Updated) != 1-len(outcome.Refused) {
				t.Errorf("refused: %v, want %t", outcome.Refused, test.refused)
			}
		})
	}
}

func TestNoPodIsMarkedWithARevisionThatIsNotRecorded(t *testing.T) {
	revisions := schema.GroupResource{Group: "apps", Resource: "controllerrevisions"}
	for name, test := range map[string]struct {
		err      error
		updates  int
		collided bool
	}{
		"it is recorded":                  {nil, 1, false},
		"its name is taken":               {apierrors.NewAlreadyExists(revisions, "s-1"), 0, true},
		"the API server does not take it": {apierrors.NewForbidden(revisions, "s-1", errors.New("quota")), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2")
			plan := w.plan()
			server := writerOf(w, map[string]error{"create": test.err})
			outcome := (&executor{writer: server, parallel: 1}).apply(t.Context(), plan)
			patches := len(server.Requests) - 1
			if len(outcome.Updated) != test.updates || patches != test.updates || outcome.Collided != test.collided {
				t.Errorf("%d updates, %d patches, collided %t; want %d and %t", len(outcome.Updated), patches, outcome.Collided, test.updates, test.collided)
			}
			if done, _, message := state(newProgress(w.snapshotOf(plan), plan, outcome)); done {
				t.Errorf("it is said to be done: %s", message)
			}
			if wait := retryIn(w.snapshot(), plan, outcome); test.collided && wait != time.Second {
				t.Errorf("looks again in %s", wait)
			}
		})
	}
}

func TestAnUpdateOfAPodThatDoesNotServeTestsThatItStillDoesNot(t *testing.T) {
	w := newRollout(t, 2, build.MakeSidecarSet("s"))
	build.SetReady(w.pods[0], false, w.now)
	w.pods[1].Status = corev1.PodStatus{Phase: corev1.PodPending}
	plan := w.image("agent:2").plan()
	patcher := &recordingPatcher{}
	(&executor{writer: patcher, parallel: 1}).apply(t.Context(), &Plan{Updates: plan.Updates})
	for pod, want := range map[string]string{
		"web-0": `{"op":"test","path":"/status/conditions/0/status","value":"False"}`,
		"web-1": `{"op":"test","path":"/status/phase","value":"Pending"}`,
	} {
		if got := patcher.patches[pod]; !strings.Contains(got, want) {
			t.Errorf("the patch of %s does not test %s: %s", pod, want, got)
		}
	}
}

func TestThePatchTestsWhatThePlanRestsOn(t *testing.T) {
	w := newRollout(t, 1, build.MakeSidecarSet("s")).image("agent:2")
	before := w.pods[0].Annotations["kruise.io/sidecarset-hash"]
	plan := w.plan()
	patcher := &recordingPatcher{}
	(&executor{writer: patcher, parallel: 1}).apply(t.Context(), &Plan{Updates: plan.Updates})

	records := plan.Updates[0].Change.Records
	type operation struct {
		Op, Path string
		Value    any
	}
	var got []operation
	text, ok := strings.CutPrefix(patcher.patches["web-0"], string(types.JSONPatchType)+" ")
	if !ok {
		t.Fatalf("not a JSON patch: %s", text)
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(got, func(a, b operation) int { return strings.Compare(a.Path, b.Path) })
	want := []operation{
		{"test", "/metadata/annotations/kruise.io~1sidecarset-hash", before},
		{"add", "/metadata/annotations/kruise.io~1sidecarset-hash", records["kruise.io/sidecarset-hash"]},
		{"test", "/metadata/annotations/kruise.io~1sidecarset-inplace-update-state", nil},
		{"add", "/metadata/annotations/kruise.io~1sidecarset-inplace-update-state", records["kruise.io/sidecarset-inplace-update-state"]},
		{"test", "/metadata/uid", "web-0-uid"},
		{"test", "/spec/containers/0/image", "agent:1"},
		{"add", "/spec/containers/0/image", "agent:2"},
		{"test", "/spec/containers/0/name", "agent"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}
