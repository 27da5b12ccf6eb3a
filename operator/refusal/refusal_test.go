// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var (
	pods  = schema.GroupResource{Resource: "pods"}
	web   = types.NamespacedName{Name: "web"}
	epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

func answer(code int32, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}}
}

func TestWhatTheFailureOfAWriteMeans(t *testing.T) {
	const denied = `admission webhook "x.example.com" denied the request: `
	policy := apierrors.NewForbidden(pods, "a", errors.New("ValidatingAdmissionPolicy 'images' with binding 'images' denied request: v2 is not released"))
	policy.ErrStatus.Reason, policy.ErrStatus.Code = metav1.StatusReasonInvalid, http.StatusUnprocessableEntity
	policy.ErrStatus.Details.Causes = []metav1.StatusCause{{Message: "v2 is not released"}}
	for name, test := range map[string]struct {
		err  error
		want Kind
	}{
		"none":                                    {nil, None},
		"the object is gone":                      {apierrors.NewNotFound(pods, "a"), Stale},
		"the object has changed":                  {apierrors.NewConflict(pods, "a", errors.New("changed")), Stale},
		"a test of a JSON patch fails":            {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "a", nil), Stale},
		"a quota":                                 {apierrors.NewForbidden(pods, "a", errors.New("exceeded quota: small")), Refused},
		"a policy":                                {fmt.Errorf("update Pod a: %w", policy), Refused},
		"a webhook with a code of its own":        {answer(http.StatusTeapot, denied+"no"), Refused},
		"a webhook that answers with a conflict":  {answer(http.StatusConflict, denied+"no"), Refused},
		"a webhook that answers with not found":   {answer(http.StatusNotFound, denied+"no such team"), Refused},
		"a webhook that answers with unprocessed": {answer(http.StatusUnprocessableEntity, denied+"no"), Refused},
		"a webhook that answers with an error":    {answer(http.StatusInternalServerError, denied+"panic"), Refused},
		"a webhook that cannot be asked":          {apierrors.NewInternalError(errors.New(`failed calling webhook "x.example.com": connection refused`)), Refused},
		"a budget":                                {apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0), Refused},
		"two budgets":                             {answer(http.StatusInternalServerError, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."), Refused},
		"the store does not answer":               {apierrors.NewInternalError(errors.New("etcdserver: request timed out")), Doubtful},
		"the API server takes too long":           {apierrors.NewTimeoutError("request did not complete", 1), Doubtful},
		"the API server is going":                 {apierrors.NewServiceUnavailable("shutting down"), Doubtful},
		"nobody answers":                          {errors.New("connection reset by peer"), Doubtful},
		"we take too long":                        {context.DeadlineExceeded, Doubtful},
	} {
		t.Run(name, func(t *testing.T) {
			if got := KindOf(test.err); got != test.want {
				t.Errorf("kind %d, want %d", got, test.want)
			}
		})
	}
}

func TestARefusedWriteWaitsLongerEachTimeButNeverAMinute(t *testing.T) {
	m, now := NewMemory(), epoch
	var got []time.Duration
	for range 7 {
		m.Note(web, "a", "v2", errors.New("no"), now)
		known := m.Recent(web, now)
		wait := known.DueIn(now)
		if r, _ := known.Of("a", "v2"); !r.Waits(now.Add(wait-1)) || r.Waits(now.Add(wait)) {
			t.Errorf("%+v is not due in %s", r, wait)
		}
		got = append(got, wait/time.Second)
		now = now.Add(wait)
	}
	if diff := cmp.Diff([]time.Duration{5, 10, 20, 40, 50, 50, 50}, got); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
}

func TestAnotherPodAndAnotherRevisionAreOtherWrites(t *testing.T) {
	m := NewMemory()
	m.Note(web, "a", "v2", answer(http.StatusForbidden, "quota"), epoch)
	known := m.Recent(web, epoch)
	for key, want := range map[Key]bool{{"a", "v2"}: true, {"a", "v3"}: false, {"b", "v2"}: false} {
		if _, got := known.Of(key.Object, key.Revision); got != want {
			t.Errorf("known of %v: %t, want %t", key, got, want)
		}
	}
	if len(m.Recent(types.NamespacedName{Name: "other"}, epoch)) != 0 {
		t.Error("another set knows of it")
	}
}

func TestDoubtIsAboutTheObjectAndPasses(t *testing.T) {
	m := NewMemory()
	m.Note(web, "a", "v2", errors.New("connection reset"), epoch)
	m.Note(web, "b", "v2", answer(http.StatusForbidden, "quota"), epoch)
	known := m.Recent(web, epoch)
	if got := known.Doubtful(epoch); !got.Has("a") || len(got) != 1 {
		t.Errorf("doubtful: %v, want a alone", got)
	}
	if got := known.Doubtful(epoch.Add(5 * time.Second)); len(got) != 0 {
		t.Errorf("still doubtful: %v", got)
	}
}

func TestWhatIsForgotten(t *testing.T) {
	refused := answer(http.StatusForbidden, "quota")
	for name, forget := range map[string]func(*Memory) time.Time{
		"the write was carried out": func(m *Memory) time.Time {
			m.Note(web, "a", "v2", nil, epoch)
			return epoch
		},
		"the set is gone": func(m *Memory) time.Time {
			m.Forget(web)
			return epoch
		},
		"nobody has tried for long": func(*Memory) time.Time { return epoch.Add(forgotten + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory()
			m.Note(web, "a", "v2", refused, epoch)
			if got := m.Recent(web, forget(m)); len(got) != 0 {
				t.Errorf("still known: %v", got)
			}
			if len(m.bySet) != 0 && len(m.bySet[web]) != 0 {
				t.Errorf("still remembered: %v", m.bySet)
			}
		})
	}
	t.Run("a write that came too late says nothing", func(t *testing.T) {
		m := NewMemory()
		m.Note(web, "a", "v2", refused, epoch)
		m.Note(web, "a", "v2", apierrors.NewNotFound(pods, "a"), epoch)
		if got := m.Recent(web, epoch); len(got) != 1 {
			t.Errorf("known: %v", got)
		}
	})
}

func TestTheWordsAreTheServersAndShort(t *testing.T) {
	m := NewMemory()
	m.Note(web, "a", "v2", fmt.Errorf("update Pod a: %w", answer(http.StatusForbidden, strings.Repeat("quota ", 100))), epoch)
	r, _ := m.Recent(web, epoch).Of("a", "v2")
	if len(r.Words) != 256 || !strings.HasPrefix(r.Words, "quota quota") || !strings.HasSuffix(r.Words, "...") {
		t.Errorf("%d bytes: %s", len(r.Words), r.Words)
	}
}

// A budget is free again as soon as another Pod serves.
func TestARefusedEvictionIsTriedAgainAfterTenSecondsEachTime(t *testing.T) {
	m, now := NewMemory(), epoch
	refused := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	refused.ErrStatus.Details.Causes = append(refused.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget web needs 3 healthy pods and has 3 currently",
	})
	for range 3 {
		m.Note(web, "a", "delete", fmt.Errorf("evict Pod web-0: %w", refused), now)
		known := m.Recent(web, now)
		if wait := known.DueIn(now); wait != 10*time.Second {
			t.Errorf("it waits for %s", wait)
		}
		r, _ := known.Of("a", "delete")
		want := "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget web needs 3 healthy pods and has 3 currently."
		if diff := cmp.Diff(want, r.Words); diff != "" {
			t.Errorf("words (-want +got):\n%s", diff)
		}
		now = now.Add(10 * time.Second)
	}
}

// A node hardly ever grows.
func TestAResizeThatANodeCannotGiveIsAskedAboutRarely(t *testing.T) {
	tooBig := apierrors.NewForbidden(pods, "a", errors.New("node didn't have enough allocatable resources"))
	tooBig.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "NodeCapacity"}}
	m, now := NewMemory(), epoch
	var got []time.Duration
	for range 8 {
		m.Note(web, "a", "v2", tooBig, now)
		r, _ := m.Recent(web, now).Of("a", "v2")
		if !r.Infeasible || Reason(r.Words) != "node didn't have enough allocatable resources" {
			t.Fatalf("known is %+v", r)
		}
		wait := r.Until.Sub(now)
		got, now = append(got, wait/time.Second), now.Add(wait)
	}
	if diff := cmp.Diff([]time.Duration{5, 10, 20, 40, 80, 160, 180, 180}, got); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
	m.Note(web, "a", "v2", answer(http.StatusForbidden, "quota"), now)
	if r, _ := m.Recent(web, now).Of("a", "v2"); r.Infeasible {
		t.Error("a quota is no node")
	}
}
