// Package pod is the admission of new Pods: it lets the SidecarSets that match
// inject. It never denies a Pod. An error of its own becomes an admission
// warning, or fails the request where injection is enforced.
package pod

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

const (
	// Path is where the handler is served.
	Path = "/mutate-pod"
	// EnforcedPath is where it is served for namespaces whose injection is
	// enforced.
	EnforcedPath = "/mutate-pod-enforced"
)

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
	// Live reads from the API server a Namespace that Reader does not know yet.
	// Default: such a Namespace is an error.
	Live client.Reader
	// Enforced: rather no Pod than one without its sidecars. An error of our own
	// is answered with status 500, upon which the creator tries again.
	Enforced bool
	// Clock stamps injections.
	Clock clock.PassiveClock
}

// Handle answers one request. Only the creation of a Pod is ever changed.
func (h *Handler) Handle(ctx context.Context, request admission.Request) admission.Response {
	if err := checkKind(request.Kind); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
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
		return h.failed(ctx, request, err)
	}
	return respond(pod, injection)
}

// checkKind refuses what is no Pod, and says whose fault that is.
func checkKind(kind metav1.GroupVersionKind) error {
	switch {
	case kind.Group == "" && kind.Kind == "Pod":
		return nil
	case kind.Kind == "":
		return errors.New("the body is not an AdmissionReview of a Pod: its request.kind is missing")
	default:
		return fmt.Errorf("%s and %s are served for Pods, not for %s: correct the rules of the webhook configuration",
			Path, EnforcedPath, schema.GroupKind{Group: kind.Group, Kind: kind.Kind})
	}
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

// readNamespace asks the API server when the cache has no such Namespace: one
// that was created together with its first Pods is known there first.
func (h *Handler) readNamespace(ctx context.Context, name string, into *corev1.Namespace) error {
	err := h.Reader.Get(ctx, client.ObjectKey{Name: name}, into)
	if apierrors.IsNotFound(err) && h.Live != nil {
		return h.Live.Get(ctx, client.ObjectKey{Name: name}, into)
	}
	return err
}

// failed answers after an error of our own: it lets the Pod pass as it is and
// says so or, where injection is enforced, keeps it from being created.
func (h *Handler) failed(ctx context.Context, request admission.Request, err error) admission.Response {
	log := ctrl.LoggerFrom(ctx).WithValues("namespace", request.Namespace, "name", request.Name)
	failures.Inc()
	if h.Enforced {
		log.Error(err, "Pod is not created, because its sidecars cannot be injected")
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf(
			"no sidecar could be injected, and namespace %s takes no Pod without (its label %s is %s): %w",
			request.Namespace, v1beta1.InjectionLabel, v1beta1.InjectionEnforced, err))
	}
	log.Error(err, "Pod is created without sidecars")
	response := admission.Allowed("")
	response.Warnings = []string{fmt.Sprintf("no sidecar was injected: %v", err)}
	return response
}

func refused(err error) admission.Response {
	return admission.Errored(http.StatusBadRequest, fmt.Errorf("the request's object is not a Pod: %w", err))
}
