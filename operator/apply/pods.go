// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/podpatch"
)

// Writer is the part of a client that carries plans out.
type Writer interface {
	Create(ctx context.Context, object client.Object, options ...client.CreateOption) error
	Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error
	Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error
	Status() client.SubResourceWriter
	SubResource(name string) client.SubResourceClient
}

// Resize is the subresource by which a running Pod gets other resources.
const Resize = "resize"

// Identity is enough of a Pod to address it.
func Identity(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
}

// Pod sends a patch of a Pod to the API server: to a subresource, or to the Pod itself for "".
func Pod(ctx context.Context, writer Writer, pod *corev1.Pod, subresource string, patch *podpatch.Patch) error {
	return patchPod(ctx, writer, pod, subresource, patch, nil)
}

// TryPod asks the API server by dry run whether it would take what Pod sends. Nil is also the answer where it cannot
// tell: see NoDryRun.
func TryPod(ctx context.Context, writer Writer, pod *corev1.Pod, subresource string, patch *podpatch.Patch) error {
	if err := patchPod(ctx, writer, pod, subresource, patch, []string{metav1.DryRunAll}); !NoDryRun(err) {
		return err
	}
	return nil
}

func patchPod(ctx context.Context, writer Writer, pod *corev1.Pod, subresource string, patch *podpatch.Patch, dryRun []string) error {
	data, err := patch.JSON()
	if err != nil {
		return err
	}
	raw, options := client.RawPatch(types.JSONPatchType, data), client.PatchOptions{DryRun: dryRun}
	if subresource != "" {
		return writer.SubResource(subresource).Patch(ctx, Identity(pod), raw, &client.SubResourcePatchOptions{PatchOptions: options})
	}
	return writer.Patch(ctx, Identity(pod), raw, &options)
}

// What the API server, from 1.36 on, gives as the cause of refusing a resize that a kubelet would call Infeasible: the Pod
// would request more than its node has, whoever else is there; or the node's system is one on which nothing is resized.
const (
	causeNodeCapacity        metav1.CauseType = "NodeCapacity"
	causeUnsupportedPlatform metav1.CauseType = "UnsupportedPlatform"
)

// NodeCannot reports whether the API server refused a resize since the Pod's node can never give it. It says so by a cause,
// which is for machines; its words may change. Somebody's webhook that says so has only refused.
func NodeCannot(err error) bool {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsForbidden(err) || IsDenial(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool {
		return c.Type == causeNodeCapacity || c.Type == causeUnsupportedPlatform
	})
}

// NoDryRun reports whether the API server cannot tell beforehand what somebody's webhook will say, because that says
// that it has side effects. Then there is nothing to do but to try.
func NoDryRun(err error) bool {
	return apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "does not support dry run")
}

// Conditions sets conditions of a Pod, and no other Pod of its name; with unchanged only if nothing about it has changed
// since it was seen.
func Conditions(ctx context.Context, writer Writer, pod *corev1.Pod, conditions []corev1.PodCondition, unchanged bool) error {
	data, err := podpatch.Conditions(pod, conditions, unchanged)
	if err != nil {
		return err
	}
	return writer.Status().Patch(ctx, Identity(pod), client.RawPatch(types.StrategicMergePatchType, data))
}

// Evict asks for the end of a Pod, which a PodDisruptionBudget may refuse, and of no other Pod of its name; with unchanged
// only if nothing about it has changed since it was seen.
func Evict(ctx context.Context, writer Writer, pod *corev1.Pod, unchanged bool) error {
	preconditions := metav1.Preconditions(Seen(pod, unchanged))
	body := &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{Preconditions: &preconditions}}
	return writer.SubResource("eviction").Create(ctx, Identity(pod), body)
}

// Seen lets the API server refuse to delete or evict anything but the object that was seen, and, with unchanged, also
// that one if anything about it has changed since.
func Seen(object client.Object, unchanged bool) client.Preconditions {
	uid, version := object.GetUID(), object.GetResourceVersion()
	if !unchanged {
		return client.Preconditions{UID: &uid}
	}
	return client.Preconditions{UID: &uid, ResourceVersion: &version}
}
