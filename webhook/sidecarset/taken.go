// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/inert"
)

const (
	// mostPods is how many Pods are looked at for the names of their containers, podsAtOnce how many of them are in memory.
	mostPods   = 2000
	podsAtOnce = 500
)

// Taken are the live Pods that bring a container of the name of one of the set's.
type Taken struct {
	Pods int
	// First names one of them, and Why says what it has.
	First, Why string
	// Looked is how many Pods were looked at, and All whether that is all of them.
	Looked int
	All    bool
}

// taken looks for Pods that the set is not injected into because of the names of its containers, when it is new or one of
// these, or its reach, has changed. What cannot be read is not worth a refusal.
func (v *Validator) taken(ctx context.Context, write admit.Write[v1beta1.SidecarSet], namespaces []*corev1.Namespace) (out Taken) {
	set := write.Object
	if v.Live == nil || write.Old != nil && sameNames(&set.Spec, &write.Old.Spec) {
		return Taken{}
	}
	compiled, err := sidecar.Compile(set)
	if err != nil {
		return Taken{} // which is refused
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() {
		return Taken{}
	}
	reached := map[string]bool{}
	for _, namespace := range namespaces {
		reached[namespace.Name] = inert.Unserved(namespace, v.Excluded) == "" && compiled.MatchesNamespace(namespace.Name, namespace.Labels)
	}
	return v.look(ctx, compiled, selector, reached)
}

// look goes through the Pods of a set in the namespaces that are reached, page by page.
func (v *Validator) look(ctx context.Context, set *sidecar.Set, selector labels.Selector, reached map[string]bool) (out Taken) {
	for page := ""; !out.All && out.Looked < mostPods; {
		list := &corev1.PodList{}
		err := v.Live.List(ctx, list, client.InNamespace(set.OnlyNamespace()), client.Limit(podsAtOnce), client.Continue(page),
			client.MatchingLabelsSelector{Selector: selector})
		if err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("Not all names of containers were looked at", "set", set.Name(), "pods", out.Looked, "error", err.Error())
			return out
		}
		out.Looked += len(list.Items)
		for i := range list.Items {
			if reached[list.Items[i].Namespace] {
				out.note(&list.Items[i], set)
			}
		}
		page = list.Continue
		out.All = page == ""
	}
	return out
}

func (t *Taken) note(pod *corev1.Pod, set *sidecar.Set) {
	if !pods.Live(pod) {
		return
	}
	why := sidecar.NameTaken(pod, set)
	if why == "" {
		return
	}
	if t.Pods == 0 {
		t.First, t.Why = pod.Namespace+"/"+pod.Name, why
	}
	t.Pods++
}

// sameNames reports whether two specs bring containers of the same names, in the same lists, to the same Pods.
func sameNames(a, b *v1beta1.SidecarSetSpec) bool {
	names := func(spec *v1beta1.SidecarSetSpec) (out [][]string) {
		for _, list := range [][]v1beta1.SidecarContainer{spec.Containers, spec.InitContainers} {
			var each []string
			for i := range list {
				each = append(each, list[i].Name+" "+string(upgradeType(&list[i])))
			}
			out = append(out, each)
		}
		return out
	}
	return a.Namespace == b.Namespace && equality.Semantic.DeepEqual(a.Selector, b.Selector) &&
		equality.Semantic.DeepEqual(a.NamespaceSelector, b.NamespaceSelector) && equality.Semantic.DeepEqual(names(a), names(b))
}

// takenWarnings tell of Pods that do not get the set's sidecars because of a name.
func takenWarnings(taken Taken) []string {
	if taken.Pods == 0 {
		return nil
	}
	who := fmt.Sprintf("%d live Pods, the first %s, bring", taken.Pods, taken.First)
	if taken.Pods == 1 {
		who = fmt.Sprintf("live Pod %s brings", taken.First)
	}
	if !taken.All {
		who = fmt.Sprintf("of the first %d Pods, as many as were looked at, %s", taken.Looked, who)
	}
	return []string{fmt.Sprintf("spec.containers: %s a container of a sidecar's name. Made anew, such Pods get nothing of this set, or are "+
		"refused where injection is enforced. Of %s: %s", who, taken.First, taken.Why)}
}
