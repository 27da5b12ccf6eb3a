// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/operator/report"
)

// standing is the common ground of the conditions: how the patch stands, and the words for it.
type standing struct {
	// ready: the wish is fulfilled, or the patch rests where the user told it to.
	ready bool
	// waiting and stuck say why it is not: it goes on by itself, when the target comes or a node that meets the patch, or
	// only with a person's help.
	waiting, stuck  bool
	reason, message string
	// short is what the other conditions say of it; "" for message.
	short string
}

// classify takes the first that holds.
func classify(s *Snapshot, plan *Plan) *standing {
	for _, stands := range []func(*Snapshot, *Plan) *standing{ended, notServed, targetMissing, previewed, obstructed} {
		if out := stands(s, plan); out != nil {
			return out
		}
	}
	toBlame, why := noNode(s, plan)
	if !toBlame {
		message := active(s, len(plan.Patched)) + leading(why) + created(plan.Skipped)
		return &standing{ready: true, reason: v1beta1.ReasonActive, message: message}
	}
	return &standing{
		waiting: true, reason: v1beta1.ReasonNoEligibleNodes, message: why + created(plan.Skipped),
		short: fmt.Sprintf("0 of %s are left for new Pods of %s.", report.Count(len(s.Nodes), "node"), describe(s.Object)),
	}
}

func ended(s *Snapshot, _ *Plan) *standing {
	if !s.expired() {
		return nil
	}
	end, _ := s.Patch.ExpiresAt()
	return &standing{
		ready: true, reason: v1beta1.ReasonExpired, short: fmt.Sprintf("It ended at %s.", written(end)),
		message: fmt.Sprintf("It ended at %s; new Pods are not patched, and those that carry it keep it.", written(end)),
	}
}

func notServed(s *Snapshot, _ *Plan) *standing {
	if s.Served {
		return nil
	}
	return &standing{
		stuck: true, reason: v1beta1.ReasonNamespaceNotServed,
		short: fmt.Sprintf("The Pod webhooks do not serve namespace %s.", s.Object.Namespace),
		message: fmt.Sprintf("The Pod webhooks do not serve namespace %s: it is excluded, or its label %s is %q. No Pod of it is patched.",
			s.Object.Namespace, v1beta1.InjectionLabel, v1beta1.InjectionDisabled),
	}
}

func targetMissing(s *Snapshot, _ *Plan) *standing {
	target, reference := describe(s.Object), &s.Object.Spec.TargetRef
	switch {
	case s.Target.Unreadable != "":
		return &standing{
			stuck: true, reason: v1beta1.ReasonTargetUnreadable, short: target + " cannot be read.",
			message: fmt.Sprintf("%s cannot be followed: %s.", target, s.Target.Unreadable),
		}
	case s.Target.NotServed:
		return &standing{
			waiting: true, reason: v1beta1.ReasonTargetNotFound, short: fmt.Sprintf("This cluster knows no kind %s.", reference.Kind),
			message: fmt.Sprintf("This cluster knows no kind %s of apiVersion %s; the patch works from the moment that it does and %s exists.",
				reference.Kind, reference.APIVersion, target),
		}
	case s.Target.Object == nil:
		return &standing{
			waiting: true, reason: v1beta1.ReasonTargetNotFound, short: target + " does not exist.",
			message: fmt.Sprintf("%s. The patch works from the moment that its target exists.",
				sched.Absent(reference, s.Object.Namespace, s.Target.Near)),
		}
	}
	return nil
}

func previewed(s *Snapshot, _ *Plan) *standing {
	if !s.preview() {
		return nil
	}
	return &standing{ready: true, reason: v1beta1.ReasonPreview, message: "Nothing is patched; status.preview says what would be."}
}

// obstructed: no new Pod can get the patch.
func obstructed(s *Snapshot, plan *Plan) *standing {
	o := plan.obstacle()
	if o == nil {
		return nil
	}
	out := &standing{stuck: true, reason: o.Reason, short: o.Message + "."}
	if o.Denied {
		out.message = fmt.Sprintf("New Pods of %s are denied, since onConflict is %s: %s. Change one of the two, or set onConflict to %s.",
			describe(s.Object), v1alpha1.SchedPatchConflictReject, o.Message, v1alpha1.SchedPatchConflictSkip)
	} else {
		out.message = fmt.Sprintf("New Pods of %s do not get the patch: %s.%s", describe(s.Object), o.Message, o.remedy())
	}
	return out
}

// active says what new Pods get.
func active(s *Snapshot, patched int) string {
	target, most := describe(s.Object), s.Object.Spec.MaxPods
	switch {
	case most == nil:
		return fmt.Sprintf("New Pods of %s get the patch.", target)
	case s.full(patched):
		return fmt.Sprintf("As many Pods of %s carry the patch as maxPods allows: %d.", target, *most)
	}
	return fmt.Sprintf("New Pods of %s get the patch while fewer than %d carry it (maxPods).", target, *most)
}

// created says which Pods were created without the patch, as sentences that go on after others.
func created(skipped []SkippedPod) string {
	var text string
	for _, group := range byReason(skipped) {
		text += leading(group)
	}
	return text
}

// leading makes a sentence, if there is one, go on after another.
func leading(sentence string) string {
	if sentence == "" {
		return ""
	}
	return " " + sentence
}

// byReason says, for each reason, how many Pods were created without the patch, and which.
func byReason(skipped []SkippedPod) []string {
	pods, words := map[string][]string{}, map[string]string{}
	for _, s := range skipped {
		pods[s.Reason] = append(pods[s.Reason], s.Pod.Name)
		if words[s.Reason] == "" || s.Message < words[s.Reason] {
			words[s.Reason] = s.Message
		}
	}
	var out []string
	for reason, names := range pods {
		slices.Sort(names)
		out = append(out, fmt.Sprintf("%s created without it (%s; %s): %s.",
			report.PodsThat(len(names), "was", "were"), reason, words[reason], report.Names(names)))
	}
	slices.Sort(out)
	return out
}

// setConditions replaces all conditions.
func setConditions(conditions *[]metav1.Condition, s *Snapshot, stands *standing) {
	report.SetConditions(conditions, s.Object.Generation, metav1.NewTime(s.Now),
		report.Condition{Type: v1beta1.ConditionReady, Value: report.If(stands.ready, stands.reason, stands.message)},
		report.Condition{Type: v1beta1.ConditionReconciling, Value: stands.when(stands.waiting)},
		report.Condition{Type: v1beta1.ConditionStalled, Value: stands.when(stands.stuck)},
		report.Condition{Type: v1beta1.ConditionExpired, Value: stands.when(stands.reason == v1beta1.ReasonExpired)},
	)
}

// when is a condition that is there only while something is unusual.
func (s *standing) when(unusual bool) *metav1.Condition {
	if !unusual {
		return nil
	}
	return report.True(s.reason, report.Brief(cmp.Or(s.short, s.message)))
}

// describe names the target as people do.
func describe(object *v1alpha1.SchedPatch) string {
	return object.Spec.TargetRef.Kind + " " + object.Spec.TargetRef.Name
}
