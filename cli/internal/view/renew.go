// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/workload"
)

// renew is what to type to have a Pod made anew, with all Pods of its workload where it has one that can do that.
func renew(pod *corev1.Pod) []string {
	owner, of := metav1.GetControllerOf(pod), workload.Of(pod)
	switch {
	case owner == nil:
		return []string{
			fmt.Sprintf("kubectl delete pod %s -n %s   # nobody makes it again: create it from its manifest", pod.Name, pod.Namespace),
		}
	case schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind() == ours:
		return []string{fmt.Sprintf("kubectl windlass restart asts/%s -n %s", owner.Name, pod.Namespace)}
	case of.Kind == "Rollout":
		return []string{fmt.Sprintf("kubectl argo rollouts restart %s -n %s", of.Name, pod.Namespace)}
	}
	if kind, can := restartable[of.Kind]; can {
		return []string{fmt.Sprintf("kubectl rollout restart %s/%s -n %s", kind, of.Name, pod.Namespace)}
	}
	return []string{fmt.Sprintf("kubectl delete pod %s -n %s   # %s %s makes another one", pod.Name, pod.Namespace, owner.Kind, owner.Name)}
}

// restartable are the kinds that kubectl can restart.
var restartable = map[string]string{"Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset"}

// ours are the StatefulSets that kubectl cannot restart.
var ours = v1beta1.GroupVersion.WithKind("StatefulSet").GroupKind()
