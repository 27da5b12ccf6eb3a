// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Tree is an object and its Pods.
type Tree struct {
	Root   *Rollout `json:"root"`
	Groups []Group  `json:"groups"`
	// Notes say what could not be told.
	Notes []string `json:"notes,omitempty"`
}

// Group are the Pods that are alike: at one revision, or without for one reason.
type Group struct {
	Title string `json:"title"`
	Pods  []Leaf `json:"pods"`
	// Target: it is where the others are to get to.
	Target bool `json:"target,omitempty"`
}

// Leaf is a Pod, and how it is.
type Leaf struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      string `json:"node,omitempty"`
	// State says how it is: "ready", or what the kubelet or the scheduler says of it.
	State  string `json:"state"`
	Health Health `json:"health"`
}

// leaf reads a Pod. unfinished is what a change in place still waits for, "" for nothing.
func leaf(pod *corev1.Pod, unfinished string, now time.Time) Leaf {
	out := Leaf{Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName}
	switch trouble := pods.Trouble(pod); {
	case pod.DeletionTimestamp != nil:
		out.State, out.Health = "is being deleted", Working
		if going := pods.Going(pod, now); going != "" {
			out.State, out.Health = out.State+": "+going, Wrong
		}
	case pods.Broken(pod) != "":
		out.State, out.Health = trouble, Wrong
	case unfinished != "":
		out.State, out.Health = unfinished, Working
	case trouble != "":
		out.State, out.Health = trouble, Working
	default:
		out.State, out.Health = "ready", Fine
	}
	return out
}

// groups collects leaves by title.
type groups struct{ list []Group }

func (g *groups) add(title string, target bool, l Leaf) {
	i := slices.IndexFunc(g.list, func(known Group) bool { return known.Title == title })
	if i < 0 {
		g.list = append(g.list, Group{Title: title, Target: target})
		i = len(g.list) - 1
	}
	g.list[i].Pods = append(g.list[i].Pods, l)
}

// sorted puts the revision that all go to first, and in each group what is worst first.
func (g *groups) sorted() []Group {
	rank := map[Health]int{Wrong: 0, Working: 1, Fine: 2}
	for i := range g.list {
		slices.SortStableFunc(g.list[i].Pods, func(a, b Leaf) int {
			return cmp.Or(cmp.Compare(rank[a.Health], rank[b.Health]), cmp.Compare(a.Namespace, b.Namespace),
				cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name)) // web-2 comes before web-10
		})
	}
	slices.SortStableFunc(g.list, func(a, b Group) int {
		switch {
		case a.Target == b.Target:
			return 0
		case a.Target:
			return -1
		}
		return 1
	})
	return g.list
}

// TreeOfStatefulSet groups the Pods of a StatefulSet by their revisions.
func TreeOfStatefulSet(set *v1beta1.StatefulSet, list []*corev1.Pod, now time.Time) *Tree {
	g := &groups{}
	for _, pod := range list {
		revision := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
		target := revision == set.Status.UpdateRevision && revision != ""
		g.add(atRevision(revision, target), target, leaf(pod, inplace.Unfinished(pod), now))
	}
	out := &Tree{Root: OfStatefulSet(set), Groups: g.sorted()}
	out.Root.Estimate(now, UpdateTimes(set, list))
	return out
}

func atRevision(name string, current bool) string {
	switch {
	case current:
		return "at " + name + ", the current revision"
	case name == "":
		return "at a revision that is not recorded"
	}
	return "at " + name
}

// SidecarPods are what a tree of a SidecarSet is made from.
type SidecarPods struct {
	Set  *sidecar.Set
	Sets []*sidecar.Set
	Pods []*corev1.Pod
	// Revisions are the recorded ones, nil where they could not be read.
	Revisions []*appsv1.ControllerRevision
	// Around has the labels of namespaces, and what the webhooks serve, by namespace; empty where they could not be read.
	Around map[string]*Surroundings
}

// TreeOfSidecarSet groups the Pods of a SidecarSet by the revisions that they have, and those without by the reason.
func TreeOfSidecarSet(s *SidecarPods, now time.Time) *Tree {
	out, g, without := &Tree{Root: OfSidecarSet(s.Set.Object)}, &groups{}, &groups{}
	decoder, unread := sidecar.NewDecoder(s.Set), 0
	for _, pod := range s.Pods {
		if pods.Ended(pod) || !s.Set.MatchesPod(pod.Labels) {
			continue
		}
		around, view := s.Around[pod.Namespace], decoder.View(pod)
		switch {
		case view.Holds():
			g.add(s.at(view), view.Updated(), leaf(pod, underWay(view), now))
		case !pods.Live(pod):
		case around == nil:
			unread++
		case s.Set.MatchesNamespace(pod.Namespace, around.labels()):
			s.without(without, around, view, now)
		}
	}
	out.Root.Estimate(now, SidecarTimes(s.Set, s.Pods))
	if unread > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf(
			"%d Pods that the selector picks have no sidecars, and the labels of their namespaces cannot be read.", unread))
	}
	out.Groups = append(g.sorted(), without.sorted()...)
	return out
}

// at names the revision that a Pod has.
func (s *SidecarPods) at(view *sidecar.View) string {
	name := view.RevisionIn(s.Revisions)
	if view.Updated() {
		return atRevision(cmp.Or(s.Set.Revision, name), true)
	}
	return atRevision(name, false)
}

// underWay says what an update of a Pod waits for.
func underWay(view *sidecar.View) string {
	switch {
	case view.UnderWay():
		return "its update is under way"
	case view.HeldResize().Held():
		return "its node does not give it the new resources"
	}
	return ""
}

// without answers as why does for a Pod that has no sidecars.
func (s *SidecarPods) without(g *groups, around *Surroundings, view *sidecar.View, now time.Time) {
	subject := &Subject{Kind: "Pod", Namespace: view.Pod.Namespace, Name: view.Pod.Name, Pods: []*OwnedPod{{Pod: view.Pod}}}
	a := &answerer{now: now, subject: subject, around: around, serving: around.serving(), sets: s.Sets}
	why := a.inPod(s.Set, view)
	g.add("without the sidecars, "+why.Reason, false, leaf(view.Pod, "", now))
}

// TreeOfSchedPatch groups the Pods of a SchedPatch's target by whether they carry it, and why not.
func TreeOfSchedPatch(patch *v1alpha1.SchedPatch, subject *Subject, around *Surroundings, now time.Time) *Tree {
	out, g := &Tree{Root: OfSchedPatch(patch)}, &groups{}
	why := Explain(subject, around, now)
	byName := map[string]*corev1.Pod{}
	for _, pod := range subject.Pods {
		byName[pod.Name] = pod.Pod
	}
	for i := range why.Answers {
		answer := &why.Answers[i]
		if answer.Kind != SchedPatch || answer.Name != patch.Name {
			continue
		}
		title := "without it: " + answer.Reason
		if answer.Applied {
			title = "carry it"
		}
		for _, name := range answer.Pods {
			g.add(title, answer.Applied, leaf(byName[name], "", now))
		}
	}
	out.Groups = g.sorted()
	return out
}
