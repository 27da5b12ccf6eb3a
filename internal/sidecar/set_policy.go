// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/lru"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/calculator"
)

// resourcesPolicy is a ResourcesPolicy, compiled. It is immutable.
type resourcesPolicy struct {
	mode  v1beta1.TargetContainersModeType
	regex *regexp.Regexp
	// limits and requests are nil when the policy has none, and leaves them as they are.
	limits, requests []formula
}

// formula computes one resource.
type formula struct {
	resource   corev1.ResourceName
	expression calculator.Expression
}

// policyKey is everything that a compiled policy depends on.
type policyKey struct {
	mode                  v1beta1.TargetContainersModeType
	regex                 string
	hasLimits, hasRequest bool
	limits                v1beta1.ResourceExprLimits
	requests              v1beta1.ResourceExprRequests
}

// policies remembers compiled policies, so that a policy is compiled once and not for each Pod. Sets are compiled anew
// on every change of their status, and share policies; so they are found by what they say.
var policies = lru.New(1024)

// policyOf compiles a policy, or finds it compiled. It fails when a regular expression or an expression is none; such a
// policy can only have been stored while the webhook was away.
func policyOf(spec *v1beta1.ResourcesPolicy) (*resourcesPolicy, error) {
	key := policyKey{mode: spec.TargetContainersMode, regex: spec.TargetContainersNameRegex}
	if limits := spec.ResourcesExpr.Limits; limits != nil {
		key.hasLimits, key.limits = true, *limits
	}
	if requests := spec.ResourcesExpr.Requests; requests != nil {
		key.hasRequest, key.requests = true, *requests
	}
	if known, ok := policies.Get(key); ok {
		return known.(*resourcesPolicy), nil
	}
	policy, err := compilePolicy(&key)
	if err != nil {
		return nil, err
	}
	policies.Add(key, policy)
	return policy, nil
}

func compilePolicy(key *policyKey) (*resourcesPolicy, error) {
	out := &resourcesPolicy{mode: key.mode}
	var err error
	if out.regex, err = regexp.Compile(key.regex); err != nil {
		return nil, fmt.Errorf("targetContainersNameRegex is %q: %w", key.regex, err)
	}
	if key.hasLimits {
		if out.limits, err = formulas(key.limits.CPU, key.limits.Memory); err != nil {
			return nil, fmt.Errorf("resourcesExpr.limits.%w", err)
		}
	}
	if key.hasRequest {
		if out.requests, err = formulas(key.requests.CPU, key.requests.Memory); err != nil {
			return nil, fmt.Errorf("resourcesExpr.requests.%w", err)
		}
	}
	return out, nil
}

// formulas parses the expressions of one list. It is never nil.
func formulas(cpu, memory string) ([]formula, error) {
	out := []formula{}
	for _, f := range []struct {
		name corev1.ResourceName
		text string
	}{{corev1.ResourceCPU, cpu}, {corev1.ResourceMemory, memory}} {
		if f.text == "" {
			continue
		}
		expression, err := calculator.Parse(f.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		out = append(out, formula{f.name, expression})
	}
	return out, nil
}
