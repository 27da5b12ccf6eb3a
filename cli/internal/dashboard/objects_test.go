// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func keyOf(object client.Object) client.ObjectKey { return client.ObjectKeyFromObject(object) }

func ago(d time.Duration) *metav1.Time {
	at := metav1.NewTime(now.Add(-d))
	return &at
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(build.Epoch)}
}

// statefulSet is one of three Pods whose update is through.
func statefulSet(name string) *v1beta1.StatefulSet {
	set := build.MakeStatefulSet(name).Obj()
	set.Generation = 1
	set.Status = v1beta1.StatefulSetStatus{
		ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3, Summary: "Complete", SummarySince: ago(3 * time.Hour), UpdateRevision: name + "-2",
		Conditions: []metav1.Condition{condition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete, "All 3 Pods are available.")},
	}
	return set
}

func completeSet() *v1beta1.StatefulSet { return statefulSet("web") }

// stalled is one whose rollout does not get on.
func stalled() *v1beta1.StatefulSet {
	set := statefulSet("db")
	set.Status.Summary, set.Status.UpdatedReplicas = "Stalled: ErrImagePull", 1
	set.Status.Conditions = []metav1.Condition{
		condition(v1beta1.ConditionReady, metav1.ConditionFalse, v1beta1.ReasonProgressDeadlineExceeded, "db-2: image <db:9> cannot be pulled."),
		condition(v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonProgressDeadlineExceeded, "db-2 is in the way."),
	}
	return set
}

// recorded are the revisions of a set: one with another image before the one of now.
func recorded(set *v1beta1.StatefulSet) []client.Object {
	before := set.DeepCopy()
	before.Spec.Template.Spec.Containers[0].Image = "app:0"
	var out []client.Object
	for i, version := range []*v1beta1.StatefulSet{before, set} {
		data, err := podtemplate.Encode(&version.Spec.Template)
		if err != nil {
			panic(err)
		}
		out = append(out, &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: set.Namespace, Name: fmt.Sprintf("%s-%d", set.Name, i+1), CreationTimestamp: *ago(time.Hour),
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))},
			},
			Revision: int64(i + 1), Data: runtime.RawExtension{Raw: data},
		})
	}
	return out
}

// podsOf are Pods of a set at a revision, on nodes of three zones in turn.
func podsOf(set *v1beta1.StatefulSet, revision string, from, to int) []client.Object {
	var out []client.Object
	for i := from; i < to; i++ {
		p := build.MakePod(fmt.Sprintf("%s-%d", set.Name, i)).Label("app", set.Name).Container("app", "app:1").Running().Obj()
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))}
		p.Labels[appsv1.ControllerRevisionHashLabelKey], p.Spec.NodeName = revision, fmt.Sprintf("node-%d", i%4)
		p.Namespace = set.Namespace
		out = append(out, p)
	}
	return out
}

// nodes are four, of which the last has no zone.
func nodes() []client.Object {
	var out []client.Object
	for i, zone := range []string{"a", "b", "c", ""} {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i), Labels: map[string]string{}}}
		if zone != "" {
			n.Labels[corev1.LabelTopologyZone] = "zone-" + zone
		}
		out = append(out, n)
	}
	return out
}
