// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// life is a Pod on a bad node as its kubelet reports it, and what a perfect observer knows besides.
type life struct {
	*Pod
	// ran are the own containers that have run.
	ran sets.Set[string]
	// last is what happened to each container in the end.
	last map[string]string
}

// newLife has the containers of mixed, and perhaps a volume.
func newLife(t *rapid.T) *life {
	l := &life{Pod: mixed(), ran: sets.New[string](), last: map[string]string{}}
	if rapid.Bool().Draw(t, "nobody can tell which are own") {
		l.Own = nil
	}
	sources := []corev1.VolumeSource{
		{EmptyDir: &corev1.EmptyDirVolumeSource{}}, {HostPath: &corev1.HostPathVolumeSource{}}, {Ephemeral: &corev1.EphemeralVolumeSource{}},
		{CSI: &corev1.CSIVolumeSource{}}, {PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}},
	}
	if rapid.Bool().Draw(t, "has a volume") {
		name := rapid.SampledFrom([]string{"init", "mesh", "app", "helper", "agent"}).Draw(t, "mounted by")
		l.holding(name, rapid.Bool().Draw(t, "read-only"), rapid.SampledFrom(sources).Draw(t, "volume"))
	}
	return l
}

// happens lets something happen to a container, and reports it as a kubelet does: the state as it is, and of what came
// before the last end alone.
func (l *life) happens(name, what string) {
	s := pods.Status(l.Pod.Pod, name)
	l.last[name] = what
	if end := s.State.Terminated; end != nil {
		s.LastTerminationState.Terminated = end
	}
	if s.State.Running != nil { // it has to end before anything else can become of it
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137, FinishedAt: at(-long)}
	}
	if what != "ErrImagePull" && what != "CreateContainerError" && (s.State.Terminated != nil || s.LastTerminationState.Terminated != nil) {
		s.RestartCount++ // a container was made, and not for the first time
	}
	now := at(-long)
	switch what {
	case "runs", "crashes":
		l.note(name)
		if runs(s); what == "crashes" {
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3, FinishedAt: now}
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			s.RestartCount++
		}
	case "ends":
		l.note(name)
		s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: now}}
	case "StartError", "ContainerCannotRun":
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: what, ExitCode: 128, FinishedAt: now}
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		s.RestartCount++
	default:
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: what}}
	}
}

func (l *life) note(name string) {
	if l.isOwn(name) {
		l.ran.Insert(name)
	}
}

// nothingLeft reports whether whatever own containers wrote while they ran is not lost with the Pod, and whether the
// kubelet has forgotten that they ran: it reports one end of a container, which was that of one that failed to start.
func (l *life) nothingLeft() bool {
	for name := range l.ran {
		if !slices.Contains([]string{"StartError", "ContainerCannotRun", "RunContainerError"}, l.last[name]) {
			return false
		}
	}
	return !l.keeps()
}

// keeps is what a person would say of the Pod's volumes: one is lost with it that an own container may write to.
func (l *life) keeps() bool {
	for _, v := range l.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			continue
		}
		for _, c := range append(append([]corev1.Container{}, l.Spec.InitContainers...), l.Spec.Containers...) {
			for _, m := range c.VolumeMounts {
				if l.isOwn(c.Name) && m.Name == v.Name && !m.ReadOnly {
					return true
				}
			}
		}
	}
	return false
}

// deletes carries plans on until one deletes something, or nothing follows: everything else speaks for a deletion.
func (l *life) deletes() bool {
	sc := newScene(manyNodes(10)...).put(l.Pod.Pod).last(func(p *Pod) { p.Own = l.Own })
	for i, c := range []string{"init:1", "mesh:1", image, "helper:1", "agent:1"} { // all of it runs on another node
		peer := build.MakePod(fmt.Sprintf("web-%d", i+1)).Obj()
		peer.Spec.NodeName, peer.Spec.Containers[0].Image = "n2", c
		peer.Status.ContainerStatuses[0].State.Running.StartedAt = at(-short)
		sc.put(peer)
	}
	for range maxSteps {
		plan := decide(sc.snapshot)
		switch {
		case plan.Delete != nil:
			return plan.Delete.Pod.UID == l.UID
		case plan.Ledger == nil && plan.Write == nil && !plan.Ask:
			return false
		}
		sc.recorded(plan.Record).served()
	}
	return false
}

// However containers have come and gone: no Pod is deleted whose own container ran, be it for a second, but for one of
// which nothing tells so any more and nothing is lost. And one whose application never ran, and whose container another
// node would start, goes: what was injected keeps it no more.
func TestNoPodWhoseOwnContainerRanIsDeleted(t *testing.T) {
	var moved, kept int
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		names := []string{"init", "mesh", "app", "helper", "agent"}
		events := []string{"ErrImagePull", "ImagePullBackOff", "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "runs", "crashes", "ends"}
		untouched := rapid.Bool().Draw(t, "nothing happens to the application")
		if untouched {
			names = []string{"mesh", "agent"}
		}
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			l.happens(rapid.SampledFrom(names).Draw(t, "container"), rapid.SampledFrom(events).Draw(t, "event"))
		}
		if stuck := rapid.SampledFrom([]string{"", "mesh", "app", "helper"}).Draw(t, "stuck"); stuck != "" {
			l.happens(stuck, "ImagePullBackOff")
			untouched = untouched && stuck == "app"
		} else {
			untouched = false
		}
		deleted := l.deletes()
		if deleted && l.ran.Len() > 0 && !l.nothingLeft() {
			t.Fatalf("deleted, and %v have run", sets.List(l.ran))
		}
		if l.Own != nil && untouched && !deleted {
			t.Fatal("stays, and nothing of the application was ever made")
		}
		if deleted {
			moved++
		}
		if l.ran.Len() > 0 {
			kept++
		}
	})
	if moved == 0 || kept == 0 {
		t.Errorf("%d Pods were moved, and the application of %d had run: this tries nothing", moved, kept)
	}
}
