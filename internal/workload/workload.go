// SPDX-License-Identifier: Apache-2.0

// Package workload says to which workload a Pod belongs, from the Pod alone: no ReplicaSet has to be read for it.
package workload

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// KindPod is the kind of a Pod that no controller made: it is a workload of its own.
const KindPod = "Pod"

// rolloutsHashLabel is what Argo Rollouts has in place of pod-template-hash.
const rolloutsHashLabel = "rollouts-pod-template-hash"

// ID names a workload.
type ID struct {
	// Kind is that of the object that a person wrote: Deployment, Rollout, StatefulSet, Job, ...
	Kind string
	types.NamespacedName
}

// Of is the workload of a Pod. A ReplicaSet whose name ends in the hash of its Pods' template is one of several that a
// Deployment, or a Rollout of Argo, has; anything else that controls Pods is taken for what somebody wrote.
func Of(pod *corev1.Pod) ID {
	name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return ID{KindPod, name}
	}
	name.Name = owner.Name
	if owner.Kind != "ReplicaSet" {
		return ID{owner.Kind, name}
	}
	for _, maker := range []struct{ kind, label string }{
		{"Deployment", appsv1.DefaultDeploymentUniqueLabelKey}, {"Rollout", rolloutsHashLabel},
	} {
		hash := pod.Labels[maker.label]
		if of, found := cutHash(owner.Name, hash); found {
			name.Name = of
			return ID{maker.kind, name}
		}
	}
	return ID{owner.Kind, name}
}

// cutHash cuts the hash of a template, and the hyphen before it, off a ReplicaSet's name.
func cutHash(name, hash string) (of string, found bool) {
	of, found = strings.CutSuffix(name, hash)
	if hash == "" || !found {
		return "", false
	}
	of, found = strings.CutSuffix(of, "-")
	return of, found && of != ""
}

// String names the workload for people.
func (id ID) String() string { return id.Kind + " " + id.NamespacedName.String() }
