// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// Input is what the StatefulSet's controller knows of a set. Nobody modifies it: what it points to is the cache's own.
type Input struct {
	Set *v1beta1.StatefulSet
	// Revisions name those that Pods of the set should have now, the update revision first. What was seen at any other
	// one proves nothing any more.
	Revisions []string
	// Pods are the Pods at the ordinals that there should be, by ordinal.
	Pods []Pod
	// Ordinals are all that there should be.
	Ordinals []int
}

// Pod is one Pod of a set.
type Pod struct {
	*corev1.Pod
	Ordinal int
	// Revision names the revision that the Pod is at.
	Revision string
	// Own names the containers of the template of that revision, init containers included; nil when nobody can tell, so
	// that all of the Pod's count as its own. The others were injected.
	Own sets.Set[string]
	// Right reports whether a replacement would be made at that revision too.
	Right bool
	// Changing reports whether the Pod is being changed in place.
	Changing bool
	// Ready reports whether the Pod serves.
	Ready bool
	// Hook names what of its preDelete hook holds the Pod, "" when nothing does.
	Hook string
}

// OwnContainers names the containers of a Pod that a template names. A Pod that lacks one of them was not made from that
// template, which then says nothing: nil.
func OwnContainers(pod *corev1.Pod, template *corev1.PodTemplateSpec) sets.Set[string] {
	own := sets.New[string]()
	for _, list := range [...][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range list {
			if pods.Find(pod, list[i].Name) == nil {
				return nil
			}
			own.Insert(list[i].Name)
		}
	}
	return own
}

// isOwn reports whether a container is the application's, as far as anybody can tell.
func (p *Pod) isOwn(name string) bool { return p.Own == nil || p.Own.Has(name) }

// enabled reports whether the set asks for auto remediation.
func (in *Input) enabled() bool {
	return in.Set.Spec.AutoRemediation != nil && in.Set.Spec.AutoRemediation.Enabled
}

// valid reports whether a revision is one that Pods should have.
func (in *Input) valid(revision string) bool { return slices.Contains(in.Revisions, revision) }

// at returns the Pod of an ordinal, nil when there is none.
func (in *Input) at(ordinal int) *Pod {
	for i := range in.Pods {
		if in.Pods[i].Ordinal == ordinal {
			return &in.Pods[i]
		}
	}
	return nil
}

// Result is what Remediate came to, for the status of the set. Nobody modifies it.
type Result struct {
	// Condition is Remediating, with status, reason and message alone; nil when it is to be absent.
	Condition *metav1.Condition
	// AllNodesFailing says that Pods start on no node, and what a person can do; "" when that is not so.
	AllNodesFailing string
	// Held are Pods that will not run again and whose replacement is in the hands of auto remediation: made at once, it
	// would land on the same node.
	Held map[types.UID]bool
	// Deleted reports whether a Pod was deleted, so that what the caller knows of the set's Pods is no longer true.
	Deleted bool
	// RequeueAfter is in how long something is due though nothing happens; 0 for never.
	RequeueAfter time.Duration
}

// Holds reports whether auto remediation sees to the replacement of a Pod. It may be asked of no result.
func (r *Result) Holds(pod *corev1.Pod) bool { return r != nil && r.Held[pod.UID] }
