// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// injection computes what to inject of the sets that match the Pod's labels.
func (h *Handler) injection(ctx context.Context, namespace string, pod *corev1.Pod, candidates []*sidecar.Set) (*sidecar.Injection, error) {
	if len(candidates) == 0 && !h.Enforced {
		return &sidecar.Injection{}, nil
	}
	reaching, err := h.reaching(ctx, namespace, candidates)
	if err != nil {
		return nil, err
	}
	sets, obstacles := sidecar.Admit(pod, reaching, h.Enforced)
	sets, notes := h.versions(ctx, pod, sets)
	injection, err := h.inject(ctx, pod, sets)
	if err != nil {
		return nil, err
	}
	injection.Obstacles = append(injection.Obstacles, obstacles...)
	slices.SortStableFunc(injection.Obstacles, func(a, b sidecar.Obstacle) int { return cmp.Compare(a.Set, b.Set) })
	injection.Warnings = append(notes, injection.Warnings...)
	if err := injection.Cleanse(pod, h.Enforced); err != nil {
		return nil, err
	}
	return injection, nil
}

// inject injects the sets with which the API server accepts the Pod.
func (h *Handler) inject(ctx context.Context, pod *corev1.Pod, sets []*sidecar.Set) (*sidecar.Injection, error) {
	injection, err := h.injectAll(pod, sets)
	if err != nil || h.validate(ctx, pod, injection) == "" {
		return injection, err
	}
	return h.injectOneByOne(ctx, pod, sets, injection)
}

// validate says why the API server would refuse the injected Pod, or "". A failure to validate refuses nothing: the API
// server validates too.
func (h *Handler) validate(ctx context.Context, pod *corev1.Pod, injection *sidecar.Injection) string {
	if h.Validity == nil || injection.Empty() {
		return ""
	}
	refusal, err := h.Validity.Refusal(pod, injection)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "it is not known whether the API server accepts the injected Pod")
	}
	return refusal
}

func (h *Handler) injectAll(pod *corev1.Pod, sets []*sidecar.Set) (*sidecar.Injection, error) {
	now := metav1.NewTime(h.Clock.Now())
	if h.Enforced {
		return sidecar.InjectStrictly(pod, sets, now, h.Mirrors)
	}
	return sidecar.Inject(pod, sets, now)
}

// injectOneByOne adds the sets in the order of their names, and leaves out those with which the API server would refuse
// the Pod. refused is the injection of all of them.
func (h *Handler) injectOneByOne(
	ctx context.Context, pod *corev1.Pod, sets []*sidecar.Set, refused *sidecar.Injection,
) (*sidecar.Injection, error) {
	accepted := refused.Held()
	obstacles := refused.Obstacles
	for _, name := range refused.Sets {
		set := byName(sets, name)
		injection, err := h.injectAll(pod, append(accepted[:len(accepted):len(accepted)], set))
		if err != nil {
			return nil, err
		}
		if refusal := h.validate(ctx, pod, injection); refusal != "" {
			obstacles = append(obstacles, invalid(set, refusal))
			continue
		}
		accepted = append(accepted, set)
	}
	injection, err := h.injectAll(pod, accepted)
	if err != nil {
		return nil, err
	}
	injection.Obstacles = obstacles
	return injection, nil
}

func byName(sets []*sidecar.Set, name string) *sidecar.Set {
	for _, set := range sets {
		if set.Name() == name {
			return set
		}
	}
	return nil
}

func invalid(set *sidecar.Set, refusal string) sidecar.Obstacle {
	return sidecar.Obstacle{
		Set: set.Name(), Reason: v1beta1.ReasonInvalidPod, Revision: set.Revision,
		Message: "the API server would refuse the Pod with its sidecars: " + refusal + "; change the set or the Pod",
	}
}

// refusal says why a Pod is not created where it must not be without its sidecars, or "". A set that injects nothing
// for now, or that its canary stands in for, is nobody's to miss.
func (h *Handler) refusal(namespace string, injection *sidecar.Injection) string {
	if !h.Enforced {
		return ""
	}
	var sentences []string
	for _, o := range injection.Obstacles {
		switch {
		case o.Intended, o.Reason == v1beta1.ReasonInjectionPaused, o.Reason == v1beta1.ReasonOptedOut && h.AllowOptOut:
			continue
		case o.Reason == v1beta1.ReasonOptedOut:
			o.Message += ", which counts here only if the chart's webhook.enforced.allowOptOut is true; remove it"
		}
		sentences = append(sentences, o.String())
	}
	if len(sentences) == 0 {
		return ""
	}
	return fmt.Sprintf("%s. Namespace %s takes no Pod without its sidecars (its label %s is %s)",
		strings.Join(sentences, ". "), namespace, v1beta1.InjectionLabel, v1beta1.InjectionEnforced)
}
