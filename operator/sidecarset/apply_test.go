package sidecarset

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// recordingPatcher answers patches of Pods by name and remembers them. Plans of
// these tests need nothing else of a writer.
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
	w := newWorld(t, 6, build.MakeSidecarSet("s").MaxUnavailable("100%")).image("agent:2")
	outcome := (&executor{writer: patcher, parallel: 2}).apply(t.Context(), &Plan{Updates: w.plan().Updates})

	var updated []string
	for _, u := range outcome.Updated {
		updated = append(updated, u.View.Pod.Name)
	}
	slices.Sort(updated)
	if diff := cmp.Diff([]string{"web-0", "web-5"}, updated); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if outcome.Stale != 3 || len(outcome.Failed) != 1 || !errors.Is(outcome.Err(), refused) {
		t.Errorf("stale %d, failed %v; want 3 stale and the quota's error", outcome.Stale, outcome.Failed)
	}
	if len(patcher.patches) != 6 {
		t.Errorf("%d Pods were written to, want 6", len(patcher.patches))
	}
}

func TestThePatchTestsWhatThePlanRestsOn(t *testing.T) {
	w := newWorld(t, 1, build.MakeSidecarSet("s")).image("agent:2")
	before := w.pods[0].Annotations["kruise.io/sidecarset-hash"]
	plan := w.plan()
	patcher := &recordingPatcher{}
	(&executor{writer: patcher, parallel: 1}).apply(t.Context(), &Plan{Updates: plan.Updates})

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
		{"add", "/metadata/annotations/kruise.io~1sidecarset-hash", plan.Updates[0].Change.Annotations["kruise.io/sidecarset-hash"]},
		{"add", "/metadata/annotations/kruise.io~1sidecarset-inplace-update-state", plan.Updates[0].Change.Annotations["kruise.io/sidecarset-inplace-update-state"]},
		{"test", "/metadata/uid", "web-0-uid"},
		{"test", "/spec/containers/0/image", "agent:1"},
		{"replace", "/spec/containers/0/image", "agent:2"},
		{"test", "/spec/containers/0/name", "agent"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}
