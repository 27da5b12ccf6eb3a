// SPDX-License-Identifier: Apache-2.0

package schedpatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	sched "github.com/windlass-operator/windlass/internal/schedpatch"
)

const (
	// maxNamedPods is how many Pods a message names.
	maxNamedPods = 5
	// maxMessageBytes is how long a message may be.
	maxMessageBytes = 1024
	// maxBriefBytes is how long it may be beside Ready's.
	maxBriefBytes = 300
)

// standing is the common ground of the conditions: how the patch stands, and the words for it.
type standing struct {
	// ready: the wish is fulfilled, or the patch rests where the user told it to.
	ready bool
	// waiting and stuck say why it is not: it goes on by itself, or only with a person's help.
	waiting, stuck  bool
	reason, message string
	// short is what the other conditions say of it; "" for message.
	short string
}

// classify takes the first that holds.
func classify(s *Snapshot, plan *Plan) *standing {
	for _, stands := range []func(*Snapshot, *Plan) *standing{
		ended, notServed, targetMissing, previewed, obstructed, withoutNode,
	} {
		if out := stands(s, plan); out != nil {
			return out
		}
	}
	_, noNode := noNode(s, plan)
	message := active(s, len(plan.Patched)) + leading(noNode) + created(plan.Skipped)
	return &standing{ready: true, reason: v1beta1.ReasonActive, message: message}
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

// withoutNode: new Pods get the patch, and because of it no node takes them.
func withoutNode(s *Snapshot, plan *Plan) *standing {
	blame, message := noNode(s, plan)
	if !blame {
		return nil
	}
	return &standing{
		waiting: true, reason: v1beta1.ReasonNoEligibleNodes, message: message + created(plan.Skipped),
		short: fmt.Sprintf("0 of %s are left for new Pods of %s.", nodes(len(s.Nodes)), describe(s.Object)),
	}
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
		out = append(out, fmt.Sprintf("%s created without it (%s; %s): %s.", were(len(names)), reason, words[reason], list(names)))
	}
	slices.Sort(out)
	return out
}

// setConditions replaces all conditions. Those that are true only while something is unusual are removed when it is
// over. A transition time moves only when a status does.
func setConditions(conditions *[]metav1.Condition, s *Snapshot, stands *standing) {
	for _, each := range []struct {
		kind      string
		condition *metav1.Condition
	}{
		{v1beta1.ConditionReady, readyCondition(stands)},
		{v1beta1.ConditionReconciling, reconcilingCondition(stands)},
		{v1beta1.ConditionStalled, stalledCondition(stands)},
		{v1beta1.ConditionExpired, expiredCondition(stands)},
	} {
		if each.condition == nil {
			meta.RemoveStatusCondition(conditions, each.kind)
			continue
		}
		c := *each.condition
		c.Type, c.Message = each.kind, truncate(c.Message)
		c.ObservedGeneration, c.LastTransitionTime = s.Object.Generation, metav1.NewTime(s.Now)
		meta.SetStatusCondition(conditions, c)
	}
}

func readyCondition(s *standing) *metav1.Condition {
	status := metav1.ConditionFalse
	if s.ready {
		status = metav1.ConditionTrue
	}
	return &metav1.Condition{Status: status, Reason: s.reason, Message: s.message}
}

// reconcilingCondition is there while the patch waits for its target, or for a node that meets it, which may come at
// any time.
func reconcilingCondition(s *standing) *metav1.Condition {
	if !s.waiting {
		return nil
	}
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: s.reason, Message: s.brief()}
}

// stalledCondition is there when a person has to act: no new Pod gets the patch, and none will.
func stalledCondition(s *standing) *metav1.Condition {
	if !s.stuck {
		return nil
	}
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: s.reason, Message: s.brief()}
}

func expiredCondition(s *standing) *metav1.Condition {
	if s.reason != v1beta1.ReasonExpired {
		return nil
	}
	return &metav1.Condition{Status: metav1.ConditionTrue, Reason: v1beta1.ReasonExpired, Message: s.brief()}
}

// invalidConditions say that the patch cannot be used until a person corrects it.
func invalidConditions(conditions *[]metav1.Condition, object *v1alpha1.SchedPatch, err error, now metav1.Time) {
	meta.RemoveStatusCondition(conditions, v1beta1.ConditionReconciling)
	for _, c := range []metav1.Condition{
		{Type: v1beta1.ConditionReady, Status: metav1.ConditionFalse},
		{Type: v1beta1.ConditionStalled, Status: metav1.ConditionTrue},
	} {
		c.Reason, c.Message = v1beta1.ReasonInvalidSpec, truncate(err.Error())
		c.ObservedGeneration, c.LastTransitionTime = object.Generation, now
		meta.SetStatusCondition(conditions, c)
	}
}

// describe names the target as people do.
func describe(object *v1alpha1.SchedPatch) string {
	return object.Spec.TargetRef.Kind + " " + object.Spec.TargetRef.Name
}

func were(n int) string {
	if n == 1 {
		return "1 Pod was"
	}
	return fmt.Sprintf("%d Pods were", n)
}

// list names the first few.
func list(names []string) string {
	if len(names) <= maxNamedPods {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamedPods], ", "), len(names)-maxNamedPods)
}

// truncate keeps a message within what conditions are allowed here.
func truncate(message string) string { return shorten(message, maxMessageBytes) }

// brief keeps short what Ready says at length.
func (s *standing) brief() string { return shorten(cmp.Or(s.short, s.message), maxBriefBytes) }

func shorten(message string, most int) string {
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most-3], "") + "..."
}
