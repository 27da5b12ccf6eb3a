// SPDX-License-Identifier: Apache-2.0

package statefulset

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/operator/report"
)

// scalingCondition is there while there are too few Pods, or too many.
func scalingCondition(p *progress) *metav1.Condition {
	if len(p.missing)+len(p.condemned) == 0 {
		return nil
	}
	reason, message := v1beta1.ReasonScalingUp, p.tooFew()
	if len(p.condemned) > 0 {
		reason, message = v1beta1.ReasonScalingDown, joined(p.tooMany(), message)
	}
	if why := p.scaleBlocked(); why != "" {
		reason, message = v1beta1.ReasonScaleBlocked, joined(why, message)
	} else if len(p.plan.Blocked) > 0 {
		message = joined(message, p.plan.Blocked[0].Why+".")
	}
	return report.True(reason, message)
}

func (p *progress) tooFew() string {
	if len(p.missing) == 0 {
		return ""
	}
	return fmt.Sprintf("Still to be created: %d of %s, %s the first.",
		len(p.missing), report.Pods(p.s.replicas()), podName(p.s.Set, p.missing[0]))
}

func (p *progress) tooMany() string {
	if len(p.condemned) == 0 {
		return ""
	}
	return fmt.Sprintf("Too many: %s, %s the first to go; wanted: %d.", report.Pods(len(p.condemned)), p.condemned[0].Pod.Name, p.s.replicas())
}

// scaleBlocked says why a Pod cannot be made, or may not go, "" when it is only a matter of time.
func (p *progress) scaleBlocked() string {
	if len(p.outcome.CreateErrors) > 0 {
		return "The API server refuses Pods; FailedCreatePod quotes it."
	}
	for i := range p.plan.Blocked {
		if b := &p.plan.Blocked[i]; !b.Waits {
			return fmt.Sprintf("Ordinal %d: %s.", b.Ordinal, b.Why)
		}
	}
	return ""
}

// refusedChanges are the refusals of this look, and those that wait for their next try, in an order that is the same
// whichever was tried last.
func (p *progress) refusedChanges() []error {
	errs := p.outcome.changeErrors()
	for i := range p.plan.Rollout.Refused {
		errs = append(errs, p.plan.Rollout.Refused[i])
	}
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

func (p *progress) createErrors() string {
	return refusals(p.outcome.CreateErrors)
}

// refusals counts what the API server refused, and quotes the first.
func refusals(errs []error) string {
	if len(errs) == 1 {
		return fmt.Sprintf("The API server refused this: %v.", errs[0])
	}
	return fmt.Sprintf("The API server refused %d writes, the first: %v.", len(errs), errs[0])
}

// failedCreateCondition has the API server's words for a Pod that it refused. It stays until Pods can be made again:
// until one was, or none is missing.
func failedCreateCondition(p *progress) *metav1.Condition {
	if len(p.outcome.CreateErrors) > 0 {
		return report.True(v1beta1.ReasonCreateRefused, p.createErrors())
	}
	if len(p.outcome.Created) > 0 || len(p.missing) == 0 {
		return nil
	}
	return p.before(v1beta1.ConditionFailedCreatePod, v1beta1.ReasonCreateRefused)
}

// failedUpdateCondition has the API server's words for a change or a deletion that it refused, or the fields that
// InPlaceOnly forbids to change. It stays until what was refused is tried again.
func failedUpdateCondition(p *progress) *metav1.Condition {
	if errs := p.refusedChanges(); len(errs) > 0 {
		return report.True(v1beta1.ReasonUpdateRefused, refusals(errs))
	}
	if len(p.plan.Rollout.NotUpgradable) > 0 {
		return report.True(v1beta1.ReasonNotUpgradable, notUpgradable(&p.plan.Rollout)+".")
	}
	if p.undone == 0 {
		return nil
	}
	c := p.before(v1beta1.ConditionFailedUpdatePod, v1beta1.ReasonUpdateRefused)
	if c != nil && c.Reason != v1beta1.ReasonUpdateRefused {
		return nil
	}
	return c
}

// before returns a condition as it was, nil when it was not there. OpenKruise writes conditions without a reason.
func (p *progress) before(kind, reason string) *metav1.Condition {
	c := meta.FindStatusCondition(p.s.Set.Status.Conditions, kind)
	if c == nil {
		return nil
	}
	out := &metav1.Condition{Status: c.Status, Reason: c.Reason, Message: c.Message}
	if out.Reason == "" {
		out.Reason = reason
	}
	return out
}

// joined puts sentences after each other.
func joined(sentences ...string) string {
	var out []string
	for _, s := range sentences {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}
