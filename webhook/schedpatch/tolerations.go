// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Everything among the allowed tolerations stands for one without a key, which tolerates every taint.
const Everything = "*"

// controlPlane are the taints that keep Pods off the nodes which run the cluster.
var controlPlane = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

// ValidateTolerations refuses tolerations by which whoever may write a SchedPatch could get Pods onto nodes that are
// kept for something else: those without a key, and those of the control plane's taints, unless they are among the
// allowed ones (Everything, or the key).
func ValidateTolerations(tolerations []corev1.Toleration, allowed []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range tolerations {
		key := tolerations[i].Key
		switch {
		case key == "" && tolerations[i].Operator == corev1.TolerationOpExists && !slices.Contains(allowed, Everything):
			errs = append(errs, field.Forbidden(path.Index(i).Child("key"), fmt.Sprintf(
				"without a key every taint is tolerated: name the taint, or have %q added to the chart's value schedPatch.allowedTolerations",
				Everything)))
		case slices.Contains(controlPlane, key) && !slices.Contains(allowed, key):
			errs = append(errs, field.Forbidden(path.Index(i).Child("key"), fmt.Sprintf(
				"%q would let Pods onto the nodes of the control plane: remove it, or have it added to the chart's value "+
					"schedPatch.allowedTolerations", key)))
		}
	}
	return errs
}

// tolerationWarnings names tolerations that change nothing: Kubernetes itself gives every Pod one for 300 seconds of
// these taints before us, and of several the first one counts.
func tolerationWarnings(tolerations []corev1.Toleration) []string {
	var out []string
	for i := range tolerations {
		t := &tolerations[i]
		own := t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable
		if own && (t.Effect == "" || t.Effect == corev1.TaintEffectNoExecute) {
			out = append(out, fmt.Sprintf("spec.tolerations[%d]: Pods tolerate %s already, as a rule for 300 seconds, and the first "+
				"of several tolerations counts: set tolerationSeconds in the Pod template to change how long", i, t.Key))
		}
	}
	return out
}
