// SPDX-License-Identifier: Apache-2.0

// Package pod is the admission of new Pods: it lets the SidecarSets that match inject, and then applies the
// SchedPatches of the Pod's owners. An error of its own becomes an admission warning or, of SidecarSets where injection
// is enforced, fails the request. A Pod is denied when a SidecarSet would be left out of it where injection is
// enforced, and when it contradicts a SchedPatch whose onConflict is Reject. So is one with quantities that nothing may
// compute with.
package pod

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/admit"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
)

const (
	// Path is where the handler is served.
	Path = "/mutate-pod"
	// EnforcedPath is where it is served for namespaces whose injection is enforced.
	EnforcedPath = "/mutate-pod-enforced"
)

// served are the objects that the handler is served for.
var served = admit.Kind[corev1.Pod]{
	GroupKind: schema.GroupKind{Kind: "Pod"}, Plural: "Pods", Paths: []string{Path, EnforcedPath},
}

// Sets finds the SidecarSets that may match a Pod.
type Sets interface {
	Candidates(namespace string, podLabels map[string]string) []*sidecar.Set
}

// Fresh makes sure that what is known is no older than the request.
type Fresh interface {
	// Wait returns when Sets knows all SidecarSets as they are now.
	Wait(ctx context.Context) error
	// Labels are those that a Namespace has now.
	Labels(ctx context.Context, namespace string) (map[string]string, error)
}

// Handler answers AdmissionReviews of Pods.
type Handler struct {
	// Sets are the SidecarSets.
	Sets Sets
	// Versions choose the version of a set that a Pod gets. Default: every Pod gets the current one.
	Versions Versions
	// Scheduling applies the SchedPatches. Default: there are none.
	Scheduling *Scheduling
	// Reader reads Namespaces, from a cache.
	Reader client.Reader
	// Live reads from the API server a Namespace that Reader does not know yet. Default: such a Namespace is an error.
	Live client.Reader
	// Enforced: rather no Pod than one without its sidecars. An error of our own is answered with status 500, upon
	// which the creator tries again.
	Enforced bool
	// Fresh is asked before a Pod is looked at. Default: what Sets and Reader know is good enough, though it may be a
	// moment old.
	Fresh Fresh
	// AllowOptOut lets a Pod opt out also where injection is enforced.
	AllowOptOut bool
	// Mirrors are from where a sidecar's image may be pulled, as another webhook has it, also where injection is
	// enforced.
	Mirrors sidecar.Mirrors
	// Validity says whether the API server would refuse an injected Pod. Default: it is not asked.
	Validity *validity.Validator
	// Clock stamps injections.
	Clock clock.PassiveClock
}

// Handle answers one request. Only the creation of a Pod is ever changed.
func (h *Handler) Handle(ctx context.Context, request admission.Request) admission.Response {
	if err := served.Check(request.Kind); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if request.Operation != "CREATE" || request.SubResource != "" {
		return admission.Allowed("only new Pods are injected")
	}
	head, err := headerOf(request.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if h.Fresh != nil {
		if err := h.Fresh.Wait(ctx); err != nil {
			return h.notCreated(ctx, request, err)
		}
	}
	candidates := h.Sets.Candidates(request.Namespace, head.Labels)
	patches := h.Scheduling.choose(ctx, request.Namespace, &head, isDryRun(request))
	if len(candidates) == 0 && patches.empty() && !head.Annotations.forged(h.Enforced) {
		return admission.Allowed("")
	}
	decoded, err := served.Decode(request.Object.Raw)
	switch {
	case err != nil:
		return admission.Errored(http.StatusBadRequest, err)
	case len(decoded.OutOfBounds) > 0: // nothing can be computed with it, and no node could take it
		return served.Invalid(cmp.Or(decoded.Object.Name, decoded.Object.GenerateName), decoded.OutOfBounds)
	}
	return h.answer(ctx, request, decoded.Object, candidates, patches)
}

// answer injects, schedules and answers for a Pod that something may match.
func (h *Handler) answer(
	ctx context.Context, request admission.Request, pod *corev1.Pod, candidates []*sidecar.Set, patches selection,
) admission.Response {
	injection, err := h.injection(ctx, request.Namespace, pod, candidates)
	if err != nil && h.Enforced {
		return h.notCreated(ctx, request, err)
	}
	if err != nil {
		injection = h.notInjected(ctx, request, err)
	}
	if refusal := h.refusal(request.Namespace, injection); refusal != "" {
		return admission.Denied(refusal)
	}
	return h.schedule(request, pod, injection, patches)
}

// schedule applies the patches after the sidecars are in, and answers. A Pod whose own rules contradict a patch is
// denied where the patch says so.
func (h *Handler) schedule(request admission.Request, pod *corev1.Pod, injection *sidecar.Injection, patches selection) admission.Response {
	if patches.empty() {
		return respond(pod, injection, nil)
	}
	dryRun := isDryRun(request)
	rules := h.Scheduling.apply(pod, patches, dryRun)
	rules.count()
	if rejection := rules.rejection(request.Namespace); rejection != "" {
		rules.giveBack()
		return admission.Denied(rejection)
	}
	return respond(pod, injection, rules)
}

// reaching keeps the sets that reach into the namespace, sorted by name. The namespace is only read when that depends
// on its labels.
func (h *Handler) reaching(ctx context.Context, namespace string, candidates []*sidecar.Set) ([]*sidecar.Set, error) {
	object := &corev1.Namespace{}
	var out []*sidecar.Set
	for _, set := range candidates {
		if object.Name == "" && set.Spec.NamespaceSelector != nil && set.Spec.Namespace == "" {
			if err := h.readNamespace(ctx, namespace, object); err != nil {
				return nil, fmt.Errorf("read the labels of namespace %s: %w", namespace, err)
			}
		}
		if set.MatchesNamespace(namespace, object.Labels) {
			out = append(out, set)
		}
	}
	slices.SortFunc(out, func(a, b *sidecar.Set) int { return cmp.Compare(a.Name(), b.Name()) })
	return out, nil
}

// readNamespace asks the API server when the cache has no such Namespace: one that was created together with its first
// Pods is known there first.
func (h *Handler) readNamespace(ctx context.Context, name string, into *corev1.Namespace) (err error) {
	if h.Fresh != nil {
		into.Name = name
		into.Labels, err = h.Fresh.Labels(ctx, name)
		return err
	}
	err = h.Reader.Get(ctx, client.ObjectKey{Name: name}, into)
	if apierrors.IsNotFound(err) && h.Live != nil {
		return h.Live.Get(ctx, client.ObjectKey{Name: name}, into)
	}
	return err
}

// notCreated answers after an error of our own where injection is enforced: it keeps the Pod from being created.
func (h *Handler) notCreated(ctx context.Context, request admission.Request, err error) admission.Response {
	failures.Inc()
	logger(ctx, request).Error(err, "Pod is not created, because its sidecars cannot be injected")
	return admission.Errored(http.StatusInternalServerError, fmt.Errorf(
		"no sidecar could be injected, and namespace %s takes no Pod without (its label %s is %s): %w",
		request.Namespace, v1beta1.InjectionLabel, v1beta1.InjectionEnforced, err))
}

// notInjected goes on after an error of our own: the Pod passes without sidecars, and it is said.
func (h *Handler) notInjected(ctx context.Context, request admission.Request, err error) *sidecar.Injection {
	failures.Inc()
	logger(ctx, request).Error(err, "Pod is created without sidecars")
	return &sidecar.Injection{Warnings: []string{fmt.Sprintf("no sidecar was injected: %v", err)}}
}

func logger(ctx context.Context, request admission.Request) logr.Logger {
	return ctrl.LoggerFrom(ctx).WithValues("namespace", request.Namespace, "name", request.Name)
}

func isDryRun(request admission.Request) bool { return request.DryRun != nil && *request.DryRun }
