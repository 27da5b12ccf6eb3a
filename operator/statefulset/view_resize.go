// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/operator/refusal"
	"github.com/windlass-operator/windlass/operator/report"
)

// unfinished says what a change of a Pod in place still waits for. An answer that a resize is not made, of the kubelet or,
// where the node can never give it, of the API server, ends the wait: then nothing is unfinished, and the answer is what
// limits the Pod. Not so where a container is restarted once the kubelet makes a resize that it has put off, nor while it
// tries and fails, and not where podUpdatePolicy lets the Pod be made anew on another node.
func (s *Snapshot) unfinished(v *View) (words string, limited inplace.ResizeAnswer) {
	words, onlyResize := inplace.Awaited(v.Pod)
	if !onlyResize {
		return words, inplace.ResizeAnswer{}
	}
	switch answer := inplace.Answered(v.Pod); {
	case answer.Infeasible() && s.strategy().PodUpdatePolicy != v1beta1.InPlaceIfPossiblePodUpdatePolicy:
		return "", answer
	case answer.Deferred() && s.restartsLater(v):
		words += report.RestartsLater
	case answer.Deferred():
		return "", answer
	}
	return words, inplace.ResizeAnswer{}
}

// restartsLater reports whether a container of a Pod is restarted once its kubelet makes a resize that it has put off.
// Where nobody can read what its revision says, one may be.
func (s *Snapshot) restartsLater(v *View) bool {
	return s.anyPolicy(v, func(c *corev1.Container) bool { return inplace.RestartsAt(v.Pod, c.Name, c.ResizePolicy) })
}

// anyPolicy asks about the containers that the template of a Pod's revision has; true where that cannot be read.
func (s *Snapshot) anyPolicy(v *View, asked func(*corev1.Container) bool) bool {
	for _, r := range s.Revisions {
		if r.Object.Name != v.Revision || r.Template == nil {
			continue
		}
		for _, list := range [][]corev1.Container{r.Template.Spec.InitContainers, r.Template.Spec.Containers} {
			for i := range list {
				if asked(&list[i]) {
					return true
				}
			}
		}
		return false
	}
	return true
}

// resizeRefused is what the API server said when it refused the resize with which a Pod was to be brought to the update
// revision, since its node can never give it; "" when it did not.
func (p *planner) resizeRefused(view *View) string {
	r, _ := p.s.Refusals.Of(view.Pod.UID, p.plan.Revisions.Update)
	if !r.Infeasible {
		return ""
	}
	return refusal.Reason(r.Words)
}

// retries are the targets, beside those chosen, whose node could not give them the resources of the update revision and
// that are due to be asked about again, as many as may cease to serve for a moment: should the node have grown, they are
// resized now. Those that have left service for it go on.
func (p *planner) retries(targets []*member, chosen []int) (out []int) {
	var due []int
	for i, m := range targets {
		switch {
		case m.missing() || m.leaving() || p.goes(m.View) || !p.dueAgain(m.View):
		case m.Available:
			due = append(due, i)
		case m.Draining || m.State == v1beta1.LifecycleStatePreparingUpdate:
			out = append(out, i)
		}
	}
	if len(due) == 0 {
		return out
	}
	slices.SortStableFunc(due, func(a, b int) int { return cmp.Compare(p.lastTry(targets[a]), p.lastTry(targets[b])) })
	return append(out, due[:min(len(due), max(0, p.s.maxUnavailable()-p.down()-len(chosen)))]...)
}

// dueAgain reports whether a Pod is limited to what its node could give it, and may be asked about again.
func (p *planner) dueAgain(view *View) bool {
	r, known := p.s.Refusals.Of(view.Pod.UID, p.plan.Revisions.Update)
	return view.Limited.Infeasible() && view.Revision == p.plan.Revisions.Update && len(inplace.Owed(view.Pod)) > 0 &&
		!(known && r.Waits(p.s.Now))
}

// lastTry is when a resize was refused last, 0 when nobody remembers.
func (p *planner) lastTry(m *member) int64 {
	r, known := p.s.Refusals.Of(m.Pod.UID, p.plan.Revisions.Update)
	if !known {
		return 0
	}
	return r.At.UnixNano()
}

// owedChange is what is left of a change that brought a Pod to the update revision: a resize that its node could not give.
func (p *planner) owedChange(view *View) inplace.Change {
	change := inplace.Change{Resources: inplace.Owed(view.Pod)}
	p.s.anyPolicy(view, func(c *corev1.Container) bool {
		if inplace.ResizeRestarts(c.ResizePolicy, change.Resources[c.Name]) {
			change.ResizeRestarts = append(change.ResizeRestarts, c.Name)
		}
		return false
	})
	return change
}
