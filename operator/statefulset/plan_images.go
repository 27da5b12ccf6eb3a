// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/pull"
	"github.com/windlass-operator/windlass/operator/report"
)

// OwnWait are Pods that wait for the same thing, which is not their turn.
type OwnWait struct {
	// Why is a sentence without its end.
	Why  string
	Pods []string
}

// asker is a target that asks for images before it is updated in place.
type asker struct {
	pull.Candidate
	target *target
}

// pullAhead marks the targets that wait until it is known that their images can be pulled.
func (p *planner) pullAhead(targets []*member, state []target) {
	how, in := p.s.pulling(), pull.Input{Known: p.s.Images.Known}
	var askers []asker
	if how.policy != v1beta1.ImagePreDownloadOff && p.hold() == HoldNone {
		askers = p.askers(targets, state)
	}
	for _, a := range askers {
		in.Candidates = append(in.Candidates, a.Candidate)
	}
	if len(askers) > 0 {
		in.EveryNode = how.policy == v1beta1.ImagePreDownloadEveryNode && p.enoughUpdated(targets, state, how.MinUpdatedReadyPods)
		in.Timeout, in.Parallelism, in.Runs = how.timeout(), pullsAtOnce(how.Parallelism, in.Candidates), p.s.runs()
	}
	book := pull.NewBook(in)
	p.askBook(book, askers)
	p.plan.Pulls = book.Plan()
	p.plan.RequeueAfter = report.Soonest(p.plan.RequeueAfter, p.plan.Pulls.In)
}

// askers are the targets whose update starts containers with new images, those that do not serve first, as they go first.
// A target that is to be recreated may start on any node, and one that is broken is not held up. One of which the update
// has begun is asked too: if it began with another image, it is brought back into service while its node pulls.
func (p *planner) askers(targets []*member, state []target) (out []asker) {
	for i, m := range targets {
		t := &state[i]
		if t.updated || t.leaving || t.missing || t.broken || pull.OnWindows(m.Pod) {
			continue
		}
		if t.notUpgradable || t.refused || t.doubtful || t.kubeletUnknown {
			continue
		}
		if images := p.newImages(m.View); len(images) > 0 {
			out = append(out, asker{pull.Candidate{Pod: m.Pod, Images: images, Begun: t.begun}, t})
		}
	}
	slices.SortStableFunc(out, func(a, b asker) int {
		return 2*(rank(!a.target.available)-rank(!b.target.available)) + rank(!a.target.retried) - rank(!b.target.retried)
	})
	return out
}

// newImages are those with which the update of a Pod in place starts containers, but for those that are never pulled.
func (p *planner) newImages(view *View) (out []pull.Image) {
	if p.recreates(view) {
		return nil
	}
	template := &corev1.Pod{Spec: p.s.Template.Spec}
	images := p.change(view.Revision).change.Images
	for _, name := range slices.Sorted(maps.Keys(images)) {
		wanted := pods.Find(template, name)
		if pods.Image(view.Pod, name) != images[name] && (wanted == nil || wanted.ImagePullPolicy != corev1.PullNever) {
			out = append(out, pull.Image{Container: name, Name: images[name]})
		}
	}
	return out
}

// askBook asks for each target in turn, and for no more of each kind than may go at once: nodes pull no further ahead.
func (p *planner) askBook(book *pull.Book, askers []asker) {
	room := map[bool]int{true: p.s.maxUnavailable(), false: p.s.maxUnavailable()}
	for _, a := range askers {
		if room[a.target.available] == 0 {
			continue
		}
		answer := book.Ask(a.Candidate)
		if answer.State == pull.Has {
			room[a.target.available]--
			continue
		}
		a.target.unpulled = true
		p.waitFor(a.Pod.Name, answer.Why)
	}
}

func (p *planner) waitFor(pod, why string) {
	r := &p.plan.Rollout
	i := slices.IndexFunc(r.Waits, func(w OwnWait) bool { return w.Why == why })
	if i < 0 {
		i, r.Waits = len(r.Waits), append(r.Waits, OwnWait{Why: why})
	}
	r.Waits[i].Pods = append(r.Waits[i].Pods, pod)
}

// runs are the images that containers of Pods certainly run, by node. One that was only written may never come.
func (s *Snapshot) runs() map[pull.Key]bool {
	out := map[pull.Key]bool{}
	for _, view := range s.Pods {
		if view.Unfinished != "" || !pods.SpecSeen(view.Pod) {
			continue
		}
		for status := range pods.Statuses(view.Pod) {
			if status.State.Running != nil && status.ImageID != "" {
				out[pull.Key{Node: view.Pod.Spec.NodeName, Image: pods.Image(view.Pod, status.Name)}] = true
			}
		}
	}
	return out
}

// enoughUpdated reports whether as many Pods are updated and ready as are to be before all nodes pull ahead.
func (p *planner) enoughUpdated(targets []*member, state []target, wanted intstr.IntOrString) bool {
	least, err := intstr.GetScaledValueFromIntOrPercent(&wanted, p.s.replicas(), true)
	done := 0
	for i, m := range targets {
		if state[i].updated && m.Ready {
			done++
		}
	}
	return err != nil || done >= least
}

// pullsAtOnce resolves how many nodes pull at a time, at least one. A percentage is one of the nodes that have Pods to
// update.
func pullsAtOnce(value intstr.IntOrString, candidates []pull.Candidate) int {
	nodes := sets.New[string]()
	for _, c := range candidates {
		nodes.Insert(c.Pod.Spec.NodeName)
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&value, nodes.Len(), true)
	if err != nil {
		return 1 // the schema refuses what cannot be read
	}
	return max(1, n)
}
