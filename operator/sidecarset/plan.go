package sidecarset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Plan is what to do about one SidecarSet now, and why it is no more than
// that.
type Plan struct {
	// Updates are the Pods to change in place.
	Updates []UpdatePod
	// Hold says why Pods that are not up to date are left alone for now; empty
	// when none is.
	Hold Hold
	// Waiting are Pods that are not up to date and whose turn comes later.
	Waiting int
	// Kept are Pods that the partition, or the update's own selector, keeps at
	// the old version.
	Kept int
	// Limited are Pods that cannot be brought up to date in place.
	Limited []*sidecar.View
}

// Hold is why a rollout does not go on right now.
type Hold string

const (
	// HoldNone: it does go on, or there is nothing to do.
	HoldNone Hold = ""
	// HoldNotUpdate: the strategy is to leave running Pods alone.
	HoldNotUpdate Hold = "NotUpdate"
	// HoldPaused: a person paused it.
	HoldPaused Hold = "Paused"
	// HoldBudget: as many Pods as allowed are unavailable.
	HoldBudget Hold = "MaxUnavailable"
)

// UpdatePod changes one Pod in place.
type UpdatePod struct {
	View   *sidecar.View
	Change *sidecar.Change
	// Reason says why this Pod may go now.
	Reason string
}

// String renders the action for logs.
func (u UpdatePod) String() string {
	images := make([]string, 0, len(u.Change.Images))
	for _, image := range u.Change.Images {
		images = append(images, fmt.Sprintf("%s: %s -> %s", image.Name, image.From, image.To))
	}
	return fmt.Sprintf("update Pod %s/%s in place (%s): %s",
		u.View.Pod.Namespace, u.View.Pod.Name, strings.Join(images, ", "), u.Reason)
}

// makePlan decides which Pods get the current version now.
func makePlan(s *Snapshot) (*Plan, error) {
	plan := &Plan{}
	candidates := plan.candidates(s)
	if len(candidates) == 0 {
		return plan, nil
	}
	strategy := &s.Set.Spec.UpdateStrategy
	switch {
	case strategy.Type == v1beta1.NotUpdateSidecarSetStrategyType:
		plan.Hold, plan.Waiting = HoldNotUpdate, len(candidates)
		return plan, nil
	case strategy.Paused:
		plan.Hold, plan.Waiting = HoldPaused, len(candidates)
		return plan, nil
	}
	order(candidates)
	keep := min(partition(strategy.Partition, len(s.Matched)), len(candidates))
	plan.Kept += keep
	return plan, plan.choose(s, candidates[:len(candidates)-keep])
}

// candidates are the Pods that are to be updated, sooner or later.
func (p *Plan) candidates(s *Snapshot) []*sidecar.View {
	var out []*sidecar.View
	for _, view := range s.Matched {
		switch {
		case view.Updated(s.Set):
		case !s.Set.UpdateSelects(view.Pod.Labels):
			p.Kept++
		case !view.Upgradable(s.Set):
			p.Limited = append(p.Limited, view)
		default:
			out = append(out, view)
		}
	}
	return out
}

// choose takes candidates in order while the budget lasts. A Pod that does not
// serve anyway costs nothing; one whose earlier update is still under way waits
// for its end.
func (p *Plan) choose(s *Snapshot, candidates []*sidecar.View) error {
	budget := maxUnavailable(s.Set.Spec.UpdateStrategy.MaxUnavailable, len(s.Matched)) - unavailable(s)
	for _, view := range candidates {
		reason := "it is not ready, so nothing is lost"
		switch {
		case view.Ready() && !view.Settled(s.Set):
			p.Waiting++
			continue
		case view.Ready() && budget <= 0:
			p.Hold = HoldBudget
			p.Waiting++
			continue
		case view.Ready():
			reason = "its turn has come"
			budget--
		}
		change, err := s.Set.Update(view, nil, metav1.NewTime(s.Now))
		if err != nil {
			return fmt.Errorf("update of Pod %s/%s: %w", view.Pod.Namespace, view.Pod.Name, err)
		}
		p.Updates = append(p.Updates, UpdatePod{View: view, Change: change, Reason: reason})
	}
	return nil
}

// unavailable counts the Pods that are down and may be so because of the set:
// they carry its current version, or an update of theirs was begun, and they
// have not come back.
func unavailable(s *Snapshot) int {
	n := 0
	for _, view := range s.Matched {
		touched := view.Updated(s.Set) || view.Touched(s.Set)
		if touched && !(view.Ready() && view.Settled(s.Set)) {
			n++
		}
	}
	return n
}

// maxUnavailable resolves the field against all matched Pods: a percentage
// rounds up, and at least one Pod may always go.
func maxUnavailable(value *intstr.IntOrString, matched int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, matched, true)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(1, n)
}

// partition resolves how many Pods stay at the old version. A percentage rounds
// up, but one below 100 % never keeps all of several Pods.
func partition(value *intstr.IntOrString, matched int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, matched, true)
	if err != nil {
		return matched // when in doubt, change nothing
	}
	if value.Type == intstr.String && value.StrVal != "100%" && matched > 1 {
		n = min(n, matched-1)
	}
	return min(max(0, n), matched)
}

// order sorts candidates the way Kubernetes chooses which Pods can be spared:
// those that serve least first.
func order(candidates []*sidecar.View) {
	slices.SortStableFunc(candidates, func(a, b *sidecar.View) int {
		return cmp.Or(
			compareBool(b.Pod.Spec.NodeName == "", a.Pod.Spec.NodeName == ""),
			cmp.Compare(phaseRank(a.Pod), phaseRank(b.Pod)),
			compareBool(a.Ready(), b.Ready()),
			b.ReadySince().Compare(a.ReadySince()),
			cmp.Compare(restarts(b.Pod), restarts(a.Pod)),
			b.Pod.CreationTimestamp.Compare(a.Pod.CreationTimestamp.Time),
			cmp.Compare(a.Pod.Namespace+"/"+a.Pod.Name, b.Pod.Namespace+"/"+b.Pod.Name),
		)
	})
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodPending:
		return 0
	case corev1.PodRunning:
		return 2
	}
	return 1
}

func restarts(pod *corev1.Pod) (most int32) {
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}
