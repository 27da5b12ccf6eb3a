// Package pod is the admission of new Pods: it lets the SidecarSets that match
// inject. It never denies a Pod, and never fails one because of an error of its
// own: such an error becomes an admission warning.
package pod

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

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

// Sets finds the SidecarSets that may match a Pod.
type Sets interface {
	Candidates(namespace string, podLabels map[string]string) []*sidecar.Set
}

// Handler answers AdmissionReviews of Pods.
type Handler struct {
	// Sets are the SidecarSets.
	Sets Sets
	// Versions choose the version of a set that a Pod gets. Default: every Pod
	// gets the current one.
	Versions Versions
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
	podLabels, err := labelsOf(request.Object.Raw)
	if err != nil {
		return refused(err)
	}
	candidates := h.Sets.Candidates(request.Namespace, podLabels)
	if len(candidates) == 0 {
		return admission.Allowed("")
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return refused(err)
	}
	if !sidecar.IsActive(pod) {
		return admission.Allowed("")
	}
	injection, err := h.injection(ctx, request.Namespace, pod, candidates)
	if err != nil {
		return spared(ctx, request, err)
	}
	return respond(pod, injection)
}

// labelsOf decodes no more of a Pod than what most Pods are passed by: no set
// matches their labels.
func labelsOf(raw []byte) (map[string]string, error) {
	var pod struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	err := json.Unmarshal(raw, &pod)
	return pod.Metadata.Labels, err
}

// injection computes what to inject of the sets that match the Pod's labels.
func (h *Handler) injection(ctx context.Context, namespace string, pod *corev1.Pod, candidates []*sidecar.Set) (*sidecar.Injection, error) {
	reaching, err := h.reaching(ctx, namespace, candidates)
	if err != nil {
		return nil, err
	}
	sets, omitted := admit(pod, reaching)
	sets, notes := h.versions(ctx, pod, sets)
	injection, err := sidecar.Inject(pod, sets, metav1.NewTime(h.Clock.Now()))
	if err != nil {
		return nil, err
	}
	injection.Omitted = append(injection.Omitted, omitted...)
	injection.Warnings = append(notes, injection.Warnings...)
	return injection, nil
}

// reaching keeps the sets that reach into the namespace, sorted by name. The
// namespace is only read when that depends on its labels.
func (h *Handler) reaching(ctx context.Context, namespace string, candidates []*sidecar.Set) ([]*sidecar.Set, error) {
	object := &corev1.Namespace{}
	var out []*sidecar.Set
	for _, set := range candidates {
		if object.Name == "" && set.Spec.NamespaceSelector != nil && set.Spec.Namespace == "" {
			if err := h.Reader.Get(ctx, client.ObjectKey{Name: namespace}, object); err != nil {
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

// spared lets a Pod pass as it is, and says so.
func spared(ctx context.Context, request admission.Request, err error) admission.Response {
	ctrl.LoggerFrom(ctx).Error(err, "Pod is created without sidecars", "namespace", request.Namespace, "name", request.Name)
	failures.Inc()
	response := admission.Allowed("")
	response.Warnings = []string{fmt.Sprintf("no sidecar was injected: %v", err)}
	return response
}

func refused(err error) admission.Response {
	return admission.Errored(http.StatusBadRequest, fmt.Errorf("the request's object is not a Pod: %w", err))
}
