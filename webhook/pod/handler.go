// Package pod is the admission of new Pods: it lets the SidecarSets that match
// inject. It never denies a Pod, and never fails one because of an error of its
// own: such an error becomes an admission warning.
package pod

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Path is where the handler is served.
const Path = "/mutate-pod"

// auditInjected is the audit annotation that names the injected sets.
const auditInjected = "injected"

// Sets finds the SidecarSets that may match a Pod.
type Sets interface {
	Candidates(namespace string, podLabels map[string]string) []*sidecar.Set
}

// Handler answers AdmissionReviews of Pods.
type Handler struct {
	// Sets are the SidecarSets.
	Sets Sets
	// Reader reads Namespaces, from a cache.
	Reader client.Reader
	// Clock stamps injections.
	Clock clock.PassiveClock
}

// Handle answers one request. Only the creation of a Pod is ever changed.
func (h *Handler) Handle(ctx context.Context, request admission.Request) admission.Response {
	if request.Kind.Group != "" || request.Kind.Kind != "Pod" {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf(
			"%s is served for Pods, not for %s %s: correct the rules of the webhook configuration", Path, request.Kind.Group, request.Kind.Kind))
	}
	if request.Operation != "CREATE" || request.SubResource != "" {
		return admission.Allowed("only new Pods are injected")
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("the request's object is not a Pod: %w", err))
	}
	injection, err := h.injection(ctx, request.Namespace, pod)
	if err != nil {
		return h.spared(ctx, request, err)
	}
	return respond(pod, injection)
}

// injection computes what to inject; nil when no set matches.
func (h *Handler) injection(ctx context.Context, namespace string, pod *corev1.Pod) (*sidecar.Injection, error) {
	candidates := h.Sets.Candidates(namespace, pod.Labels)
	if len(candidates) == 0 || !sidecar.IsActive(pod) || sidecar.OptedOut(pod) {
		return nil, nil
	}
	sets, err := h.reaching(ctx, namespace, candidates)
	if err != nil || len(sets) == 0 {
		return nil, err
	}
	return sidecar.Inject(pod, sets, metav1.NewTime(h.Clock.Now()))
}

// reaching keeps the sets that reach into the namespace and that do inject.
func (h *Handler) reaching(ctx context.Context, namespace string, candidates []*sidecar.Set) ([]*sidecar.Set, error) {
	object := &corev1.Namespace{}
	var out []*sidecar.Set
	for _, set := range candidates {
		if set.Spec.InjectionStrategy.Paused {
			continue
		}
		if object.Name == "" && set.Spec.NamespaceSelector != nil && set.Spec.Namespace == "" {
			if err := h.Reader.Get(ctx, client.ObjectKey{Name: namespace}, object); err != nil {
				return nil, fmt.Errorf("read the labels of namespace %s: %w", namespace, err)
			}
		}
		if set.MatchesNamespace(namespace, object.Labels) {
			out = append(out, set)
		}
	}
	return out, nil
}

// spared lets a Pod pass as it is, and says so.
func (h *Handler) spared(ctx context.Context, request admission.Request, err error) admission.Response {
	ctrl.LoggerFrom(ctx).Error(err, "Pod is created without sidecars", "namespace", request.Namespace, "name", request.Name)
	failures.Inc()
	response := admission.Allowed("")
	response.Warnings = []string{fmt.Sprintf("no sidecar was injected: %v", err)}
	return response
}

func respond(pod *corev1.Pod, injection *sidecar.Injection) admission.Response {
	if injection.Empty() {
		response := admission.Allowed("")
		if injection != nil {
			response.Warnings = injection.Warnings
		}
		return response
	}
	injections.Inc()
	response := admission.Patched("", patch(pod, injection)...)
	response.Warnings = injection.Warnings
	response.AuditAnnotations = map[string]string{auditInjected: strings.Join(injection.Sets, ",")}
	return response
}
