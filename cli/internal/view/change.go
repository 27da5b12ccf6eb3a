// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// Change is a write to an object. It touches no more than what it says, so that fields which this program does not know
// stay as they are.
type Change struct {
	// Type and Data are the patch. No data: there is nothing to write, and Text says why.
	Type types.PatchType
	Data []byte
	// Text says what was changed, once it is, and what follows.
	Text string
	// Commit is what to write into the object's manifest for the same.
	Commit []string
}

// ToCommit is what to write into the manifest, in lines.
func (c *Change) ToCommit() string { return strings.Join(c.Commit, "\n  ") }

// Target is an object to be changed: one of the two.
type Target struct {
	SidecarSet  *v1beta1.SidecarSet
	StatefulSet *v1beta1.StatefulSet
}

// Ref names the object.
func (t *Target) Ref() Ref {
	if t.SidecarSet != nil {
		return Ref{SidecarSet, t.SidecarSet.Name}
	}
	return Ref{StatefulSet, t.StatefulSet.Name}
}

// Object is its metadata.
func (t *Target) Object() metav1.Object {
	if t.SidecarSet != nil {
		return t.SidecarSet
	}
	return t.StatefulSet
}

// rolling are the settings of a StatefulSet's rolling update.
func rolling(set *v1beta1.StatefulSet) v1beta1.RollingUpdateStatefulSetStrategy {
	return ptr.Deref(set.Spec.UpdateStrategy.RollingUpdate, v1beta1.RollingUpdateStatefulSetStrategy{})
}

func (t *Target) paused() bool {
	if t.SidecarSet != nil {
		return t.SidecarSet.Spec.UpdateStrategy.Paused
	}
	return rolling(t.StatefulSet).Paused
}

func (t *Target) pausedSince() *metav1.Time {
	if t.SidecarSet != nil {
		return t.SidecarSet.Status.PausedSince
	}
	return t.StatefulSet.Status.PausedSince
}

// Row is how the object stands.
func (t *Target) Row() *Rollout {
	if t.SidecarSet != nil {
		return OfSidecarSet(t.SidecarSet)
	}
	return OfStatefulSet(t.StatefulSet)
}

// updated is how many Pods are at the new version, "" where the operator has not said.
func (t *Target) updated() string {
	if !t.Row().seen() {
		return ""
	}
	var done, of int
	if t.SidecarSet != nil {
		done, of = int(t.SidecarSet.Status.UpdatedPods), int(t.SidecarSet.Status.MatchedPods)
	} else {
		done, of = int(t.StatefulSet.Status.UpdatedReplicas), int(t.StatefulSet.Status.Replicas)
	}
	return fmt.Sprintf(" At the new version: %d of %s.", done, report.Pods(of))
}

// idle says why Pods are not updated by themselves, paused or not; "" when they are.
func (t *Target) idle() string {
	switch {
	case t.SidecarSet != nil && t.SidecarSet.Spec.UpdateStrategy.Type == v1beta1.NotUpdateSidecarSetStrategyType:
		return " Its updateStrategy.type is NotUpdate: running Pods are not updated in any case."
	case t.StatefulSet != nil && t.StatefulSet.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		return " Its updateStrategy.type is OnDelete: a Pod changes when somebody deletes it, and not before."
	}
	return ""
}

func (t *Target) pausePatch(paused bool) (data []byte, commit string) {
	if t.SidecarSet != nil {
		return fmt.Appendf(nil, `{"spec":{"updateStrategy":{"paused":%t}}}`, paused),
			fmt.Sprintf("spec.updateStrategy.paused: %t", paused)
	}
	return fmt.Appendf(nil, `{"spec":{"updateStrategy":{"rollingUpdate":{"paused":%t}}}}`, paused),
		fmt.Sprintf("spec.updateStrategy.rollingUpdate.paused: %t", paused)
}

// Pause stops a rollout.
func (t *Target) Pause() Change {
	if t.paused() {
		since := ""
		if at := t.pausedSince(); at != nil {
			since = ", since " + clock(*at)
		}
		return Change{Text: fmt.Sprintf("%s is paused already%s.%s", t.Ref(), since, t.updated())}
	}
	data, commit := t.pausePatch(true)
	rest := " Scaling goes on, and Pods that end are created again."
	if t.SidecarSet != nil {
		rest = " New Pods get the sidecars as before."
	}
	return Change{
		Type: types.MergePatchType, Data: data, Commit: []string{commit},
		Text: fmt.Sprintf("%s is paused: no further Pod is updated; those that are being changed come back to service.%s%s%s",
			t.Ref(), t.updated(), rest, t.idle()),
	}
}

// Resume lets a rollout go on.
func (t *Target) Resume() Change {
	if !t.paused() {
		return Change{Text: fmt.Sprintf("%s is not paused.%s%s", t.Ref(), t.resting(), t.idle())}
	}
	data, commit := t.pausePatch(false)
	return Change{
		Type: types.MergePatchType, Data: data, Commit: []string{commit},
		Text: fmt.Sprintf("%s goes on.%s%s%s", t.Ref(), t.updated(), t.resting(), t.idle()),
	}
}

// resting says what keeps a rollout at rest beside a pause, "" when nothing does.
func (t *Target) resting() string {
	if t.SidecarSet == nil {
		if partition := ptr.Deref(rolling(t.StatefulSet).Partition, 0); partition > 0 {
			return fmt.Sprintf(" Its partition keeps %s at the old revision.", report.Pods(int(partition)))
		}
		return ""
	}
	s := &t.SidecarSet.Status
	if s.AutoPausedRevision != "" && s.AutoPausedRevision == s.LatestRevision {
		return fmt.Sprintf(" It rests all the same, since updated Pods have failed (autoPauseOnFailure): another version rolls out again; "+
			"kubectl windlass undo %s goes back.", t.Ref())
	}
	return ""
}

// Restart has all Pods of a StatefulSet created anew. It returns an error where that cannot be, with what to type
// instead.
func (t *Target) Restart(now metav1.Time) (Change, error) {
	if t.SidecarSet != nil {
		return Change{}, fmt.Errorf("%s cannot be restarted: Kubernetes restarts a running container only for a change of it, and a SidecarSet "+
			"deletes no Pods. What restarts the containers in place is the same image written in another way, such as with its digest: "+
			"kubectl windlass set image %s CONTAINER=IMAGE@sha256:DIGEST. Or have the Pods created anew by what owns them: "+
			"kubectl rollout restart deployment/NAME", t.Ref(), t.Ref())
	}
	set, strategy := t.StatefulSet, rolling(t.StatefulSet)
	switch {
	case strategy.Paused:
		return Change{}, fmt.Errorf("%s is paused, so nothing would be restarted; first: kubectl windlass resume %s", t.Ref(), t.Ref())
	case strategy.PodUpdatePolicy == v1beta1.InPlaceOnlyPodUpdatePolicy:
		return Change{}, fmt.Errorf("%s cannot be restarted: its podUpdatePolicy is InPlaceOnly, which lets no Pod be created anew. "+
			"Delete Pods yourself, one after the other: kubectl delete pod %s-0 -n %s", t.Ref(), set.Name, set.Namespace)
	}
	at := now.UTC().Format("2006-01-02T15:04:05Z")
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{v1beta1.RestartedAtAnnotation: at},
	}}}})
	if err != nil {
		return Change{}, err
	}
	most := "1"
	if strategy.MaxUnavailable != nil {
		most = strategy.MaxUnavailable.String()
	}
	text := fmt.Sprintf("%s restarts: %s created anew, %s at a time (maxUnavailable).",
		t.Ref(), report.PodsAre(int(ptr.Deref(set.Spec.Replicas, 1))), most)
	if t.idle() != "" {
		text = fmt.Sprintf("%s has a new revision.", t.Ref())
	}
	return Change{
		Type: types.MergePatchType, Data: data, Text: text + t.resting() + t.idle(),
		Commit: []string{fmt.Sprintf("spec.template.metadata.annotations[%s]: %q", v1beta1.RestartedAtAnnotation, at)},
	}, nil
}

// joined writes names as a list.
func joined(names []string) string { return strings.Join(names, ", ") }
