// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/internal/testing/world"
)

// promises is what the observer remembers to hold a rollout of sidecars to what it promises to the owners of Pods.
type promises struct {
	// versions are all states that Pods were in, by resourceVersion; known is from them what the operator could see.
	versions map[string]*corev1.Pod
	// written are the Pods, by UID, as the operator wrote to them last.
	written map[types.UID]*corev1.Pod
	// unanswered are those of these writes, by resourceVersion, of which the operator does not know whether they were made.
	// It has a guard for that, which lasts for as long as it does not try again; this does not judge how long that is.
	unanswered map[string]bool
	// begun are by SidecarSet and UID the updates that were begun and have not come to their end, and whether the Pod
	// served then. servesSince is, by UID, since when a Pod serves.
	begun       map[string]map[types.UID]bool
	servesSince map[types.UID]time.Time
	// changed is, by SidecarSet and UID, when it changed the Pod last.
	changed map[string]time.Time
	// doubted are Pods of which a write came to nothing, or nobody knows, and when.
	doubted map[types.NamespacedName]time.Time
	// pulls are those of each object, by actor. hurried lets no puller have any time.
	pulls   map[string]*pulls
	hurried bool
	// ran are the Pods, by UID, of which a container of their own ran.
	ran map[types.UID]bool
	// injectedAreOwn counts every container as a Pod's own.
	injectedAreOwn bool
	// remediating is set while auto remediation deletes a Pod, and remediated counts those.
	remediating bool
	remediated  int
	// judged changes the rules by which a SidecarSet is judged. Nil: by those that it has.
	judged func(spec *v1beta1.SidecarSetSpec)
}

func newPromises() promises {
	return promises{
		versions: map[string]*corev1.Pod{}, written: map[types.UID]*corev1.Pod{}, unanswered: map[string]bool{},
		begun: map[string]map[types.UID]bool{}, servesSince: map[types.UID]time.Time{}, changed: map[string]time.Time{},
		doubted: map[types.NamespacedName]time.Time{}, pulls: map[string]*pulls{}, ran: map[types.UID]bool{},
	}
}

// sidecarRules are the rules of the SidecarSet that the operator looks at, as its cache shows them; nil for none.
func (o *observer) sidecarRules() *v1beta1.SidecarSetSpec {
	for _, object := range o.cacheShows(world.SidecarSet) {
		if set := object.(*v1beta1.SidecarSet); o.acts("sidecarset") && set.Name == o.object.Name {
			spec := set.Spec.DeepCopy()
			if o.judged != nil {
				o.judged(spec)
			}
			return spec
		}
	}
	return nil
}

// known are the Pods as the operator could know of them: as its cache shows them or as it has written to them since.
func (o *observer) known() (out []*corev1.Pod) {
	for _, object := range o.cacheShows(world.Pod) {
		pod, own := o.versions[object.GetResourceVersion()], o.written[object.GetUID()]
		if own != nil && version(own) > version(pod) && !o.unanswered[own.ResourceVersion] {
			pod = own
		}
		out = append(out, pod)
	}
	return out
}

func version(pod *corev1.Pod) int {
	n, _ := strconv.Atoi(pod.ResourceVersion)
	return n
}

// selected reports whether the SidecarSets are for a Pod.
func selected(pod *corev1.Pod) bool { return pod.Labels["app"] == "web" }

// workloadOf names the workload of a Pod: its Deployment, else its controller, else itself.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Namespace + "/Pod/" + pod.Name
	}
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == world.ReplicaSet && hash != "" {
		if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
			return pod.Namespace + "/Deployment/" + name
		}
	}
	return pod.Namespace + "/" + owner.Kind + "/" + owner.Name
}

// restarts reports whether a write restarts a container of a Pod, or keeps the Pod out of service until it does.
func restarts(was, is *corev1.Pod) bool {
	for i := range was.Spec.Containers {
		if was.Spec.Containers[i].Image != is.Spec.Containers[i].Image {
			return true
		}
	}
	return holds(is) != holds(was) && holds(is) != ""
}

// holds is who holds a Pod NotReady, "" for nobody.
func holds(pod *corev1.Pod) string {
	if c := world.Condition(pod, v1beta1.KruisePodReadyCondition); c != nil && c.Status == corev1.ConditionFalse {
		return c.Message
	}
	return ""
}

// open reports whether a SidecarSet holds a Pod, or has asked its hook to let go of it.
func open(pod *corev1.Pod, set string) bool { return slices.Contains(sidecar.OpenUpdates(pod), set) }

// noted takes in another state of a Pod, whoever wrote it.
func (o *observer) noted(was, is *corev1.Pod) {
	if is == nil {
		for _, begun := range o.begun {
			delete(begun, was.UID)
		}
		delete(o.servesSince, was.UID)
		return
	}
	o.versions[is.ResourceVersion] = is
	o.notedService(is)
	o.ran[is.UID] = o.ran[is.UID] || o.ownRan(is)
}

// servesOn reports whether a Pod serves, and no SidecarSet is about to restart it.
func servesOn(pod *corev1.Pod) bool { return serves(pod) && len(sidecar.OpenUpdates(pod)) == 0 }

// notedService notes since when a Pod serves, and which updates of it have come to their end: it serves for long enough;
// or it did not when they began, and its kubelet has done what it can.
func (o *observer) notedService(is *corev1.Pod) {
	_, served := o.servesSince[is.UID]
	switch {
	case !serves(is):
		for set, begun := range o.begun {
			if served && !open(is, set) && o.settled(set, is) || !begun[is.UID] && carriedOut(is) {
				delete(begun, is.UID)
			}
		}
		delete(o.servesSince, is.UID)
	case !served:
		o.servesSince[is.UID] = o.s.Now().Truncate(time.Second)
	}
	for set, begun := range o.begun {
		if didServe, has := begun[is.UID]; has && !didServe && serves(is) && !open(is, set) {
			delete(begun, is.UID)
		}
	}
}

// carriedOutIdle notes the updates of a set that have come to their end, as far as the operator could know, in Pods that
// did not serve when they began: their kubelets have done what they can.
func (o *observer) carriedOutIdle(set string) {
	for _, object := range o.cacheShows(world.Pod) {
		pod, own := object.(*corev1.Pod), o.written[object.GetUID()]
		if served, begun := o.begun[set][pod.UID]; begun && !served && carriedOut(pod) && (own == nil || version(pod) >= version(own)) {
			delete(o.begun[set], pod.UID)
		}
	}
}

// unfinished reports whether an update of a Pod was begun and has not come to its end.
func (o *observer) unfinished(set string, uid types.UID) bool {
	served, begun := o.begun[set][uid]
	for _, pod := range o.s.Pods() {
		if pod.UID == uid && begun && serves(pod) && !open(pod, set) && (!served || o.settled(set, pod)) {
			delete(o.begun[set], uid)
			return false
		}
	}
	return begun
}

// carriedOut reports whether a Pod runs what its spec says, or cannot begin to.
func carriedOut(pod *corev1.Pod) bool {
	if c := world.Condition(pod, corev1.PodReadyToStartContainers); c != nil && c.Status == corev1.ConditionFalse {
		return true
	}
	if len(pod.Status.ContainerStatuses) != len(pod.Spec.Containers) || pod.Status.ObservedGeneration < pod.Generation {
		return false
	}
	for i := range pod.Spec.Containers {
		if status := &pod.Status.ContainerStatuses[i]; status.Image != pod.Spec.Containers[i].Image {
			return false
		}
	}
	return true
}

// minReady is how long a Pod is to serve until it counts for a SidecarSet.
func (o *observer) minReady(set string) time.Duration {
	if set := o.s.sidecarSet(world.Key{Name: set}); set != nil {
		return time.Duration(set.Spec.UpdateStrategy.MinReadySeconds) * time.Second
	}
	return 0
}

// ownRan reports whether a container that is a Pod's own runs, or has run.
func (o *observer) ownRan(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name != "app" && !o.injectedAreOwn {
			continue
		}
		for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
			if end != nil && end.Reason != "StartError" && end.Reason != "ContainerCannotRun" {
				return true
			}
		}
		if status.State.Running != nil {
			return true
		}
	}
	return false
}

// promised judges a write to a Pod.
func (o *observer) promised(was, is *corev1.Pod) {
	if is == nil {
		return
	}
	rules, takes := o.sidecarRules(), serves(was) && restarts(was, is)
	if rules == nil {
		o.promisedBySet(was, is, takes)
		return
	}
	// From the word to its hook on a Pod has its shares, though it may still serve.
	takes = serves(was) && !open(was, o.object.Name) && (takes || open(is, o.object.Name))
	if !equality.Semantic.DeepEqual(was.Spec, is.Spec) {
		o.changed[o.object.Name+" "+string(is.UID)] = o.s.Now().Truncate(time.Second)
	}
	if takes {
		o.keepsWorkloads(rules, was)
		o.keepsLastPod(rules, was)
		if rules.UpdateStrategy.DisruptionBudgets != v1beta1.IgnoreDisruptionBudgets {
			o.keepsBudgets(was)
		}
		o.takenNow[client.ObjectKeyFromObject(was)] = true
	}
	o.beginsNothing(rules, was, is)
	o.pulledFirst(o.preDownloadOf(rules), was, is)
	o.oneDomain(rules, was, is)
}

// seenPod is a Pod as the cache shows it, nil when it does not.
func (o *observer) seenPod(pod *corev1.Pod) *corev1.Pod {
	for _, object := range o.cacheShows(world.Pod) {
		if object.GetUID() == pod.UID {
			return object.(*corev1.Pod)
		}
	}
	return nil
}

// promisedBySet judges a write of a StatefulSet's controller: what is broken goes at once.
func (o *observer) promisedBySet(was, is *corev1.Pod, takes bool) {
	for _, object := range o.cacheShows(world.StatefulSet) {
		set := object.(*v1beta1.StatefulSet)
		if !o.acts("statefulset") || client.ObjectKeyFromObject(set) != o.object {
			continue
		}
		rules := set.Spec.UpdateStrategy.RollingUpdate
		if takes && rules.DisruptionBudgets == v1beta1.RespectDisruptionBudgets {
			o.keepsBudgets(was)
		}
		policy := o.s.preDownload
		if rules.InPlaceUpdateStrategy != nil && rules.InPlaceUpdateStrategy.ImagePreDownloadParallelism != nil {
			policy = v1beta1.ImagePreDownloadEveryNode
		}
		if seen := o.seenPod(was); seen != nil && !pods.AnyBroken(seen) {
			o.pulledFirst(policy, was, is)
		}
	}
}

// atMost resolves how many Pods of a workload may be down for one of them to be restarted.
func atMost(rules *v1beta1.SidecarSetSpec, pods int) int {
	value := rules.UpdateStrategy.MaxUnavailablePerWorkload
	switch {
	case value == nil:
		return max(1, pods-1)
	case value.Type == intstr.String && value.StrVal == "100%":
		return pods
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, pods, false)
	if err != nil {
		return 1
	}
	return max(1, n)
}
