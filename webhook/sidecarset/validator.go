// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/kubernetes/pkg/capabilities"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/dropped"
	"github.com/windlass-operator/windlass/webhook/sidecarset/policy"
)

// warningTime is how long a write waits for all that is only a warning.
const warningTime = 2 * time.Second

// Config is what a Validator asks.
type Config struct {
	// Stored are the SidecarSets of the cluster.
	Stored *Stored
	// Live reads a SidecarSet from the API server: the base of a canary may be younger than what is stored here.
	Live client.Reader
	// Namespaces reads Namespaces, from a cache.
	Namespaces client.Reader
	// Excluded names the namespaces whose Pods are never injected.
	Excluded []string
	// Policy and Patches are what the administrator allows.
	Policy  *policy.File[policy.Policy]
	Patches *policy.File[policy.PatchRules]
	// Revisions are not asked when nil.
	Revisions Revisions
}

// Validator refuses SidecarSets that could not work, and those that the policy denies.
type Validator struct {
	Config
	podSecurity podsecuritypolicy.Evaluator
}

// NewValidator returns a Validator. To Kubernetes' validation it allows privileged containers: that is a cluster's
// policy, not a question of validity.
func NewValidator(config Config) (*Validator, error) {
	capabilities.Setup(true, 0)
	evaluator, err := podsecuritypolicy.NewEvaluator(podsecuritypolicy.DefaultChecks(), nil)
	if err != nil {
		return nil, fmt.Errorf("set up the evaluation of Pod Security levels: %w", err)
	}
	return &Validator{config, evaluator}, nil
}

// Handle answers one request.
func (v *Validator) Handle(ctx context.Context, request admission.Request) admission.Response {
	return served.Answer(request, func(write admit.Write[v1beta1.SidecarSet]) (admit.Result, error) {
		input, err := v.gather(ctx, write)
		if err != nil {
			return admit.Result{}, err
		}
		return Validate(input), nil
	})
}

// gather reads everything that the validation needs.
func (v *Validator) gather(ctx context.Context, write admit.Write[v1beta1.SidecarSet]) (Input, error) {
	input := Input{
		Set: write.Object, Old: write.Old, Unknown: unknownFields(write.JSON),
		Dropped: dropped.FromSidecarSet(write.Version, write.JSON, write.Old),
		Stored:  v.Stored, Revisions: v.Revisions, Excluded: v.Excluded, PodSecurity: v.podSecurity,
	}
	var err error
	if input.Base, err = v.base(ctx, write.Object); err != nil {
		return input, err
	}
	if input.Namespaces, err = v.namespaces(ctx); err != nil {
		return input, err
	}
	warning, cancel := context.WithTimeout(ctx, warningTime)
	defer cancel()
	input.Protecting = v.protecting(warning, write, input.Namespaces)
	input.Taken = v.taken(warning, write, input.Namespaces)
	// The last policy that could be understood stands; the fault is one for the administrator to see, not for whoever
	// writes a SidecarSet.
	if input.Policy, err = v.Policy.Value(); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The policy for SidecarSets cannot be read; the one before stands")
	}
	input.Patches, input.PatchesErr = v.Patches.Value()
	return input, nil
}

// base finds the set that a canary names; nil when there is none.
func (v *Validator) base(ctx context.Context, object *v1beta1.SidecarSet) (*v1beta1.SidecarSet, error) {
	name := object.Annotations[v1beta1.SidecarSetBaseAnnotation]
	if !isCanary(object) || name == "" {
		return nil, nil
	}
	if stored := v.Stored.Get(name); stored != nil {
		return stored, nil
	}
	live := &v1beta1.SidecarSet{}
	if err := v.Live.Get(ctx, client.ObjectKey{Name: name}, live); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read SidecarSet %s, the base of the canary: %w", name, err)
	}
	return live, nil
}

func (v *Validator) namespaces(ctx context.Context) ([]*corev1.Namespace, error) {
	list := &corev1.NamespaceList{}
	if err := v.Namespaces.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("read the namespaces: %w", err)
	}
	out := make([]*corev1.Namespace, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, nil
}
