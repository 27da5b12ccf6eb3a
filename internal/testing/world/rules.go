// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4" // the one that the API server applies patches with
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// begin is what the API server makes of a new object before it stores it.
func begin(object client.Object) {
	switch object := object.(type) {
	case *corev1.Pod:
		object.Status = corev1.PodStatus{Phase: corev1.PodPending}
	case *corev1.PersistentVolumeClaim:
		object.Status.Phase = corev1.ClaimPending
	}
}

// patched applies a patch. A JSON patch whose test fails is answered with Invalid and no causes.
func patched(t testing.TB, before client.Object, kind types.PatchType, data []byte) (client.Object, error) {
	t.Helper()
	var result []byte
	var err error
	switch kind {
	case types.JSONPatchType:
		patch, decodeErr := jsonpatch.DecodePatch(data)
		if decodeErr != nil {
			t.Fatalf("%v in %s", decodeErr, data)
		}
		if result, err = patch.Apply(Encode(t, before)); err != nil {
			return nil, apierrors.NewInvalid(schema.GroupKind{Kind: gvkOf(t, before).Kind}, before.GetName(), nil)
		}
	case types.MergePatchType:
		result, err = jsonpatch.MergePatch(Encode(t, before), data)
	case types.StrategicMergePatchType:
		result, err = strategicpatch.StrategicMergePatch(Encode(t, before), data, before)
	default:
		err = fmt.Errorf("nobody patches with %s", kind)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return decodeLike(t, result, before), nil
}

// keepTheRest leaves what a subresource does not concern as it was, and refuses what cannot change.
func keepTheRest(subresource string, before, after client.Object) error {
	switch now := after.(type) {
	case *corev1.Pod:
		return keepPod(subresource, before.(*corev1.Pod), now)
	case *corev1.PersistentVolumeClaim:
		was, is := StorageOf(before.(*corev1.PersistentVolumeClaim)), StorageOf(now)
		if is.Cmp(was) < 0 {
			return Refused(Claim, now.Name, "a claim cannot shrink")
		}
	case *appsv1.ControllerRevision:
		if !equality.Semantic.DeepEqual(before.(*appsv1.ControllerRevision).Data, now.Data) {
			return Refused(Revision, now.Name, "the data of a revision cannot change")
		}
	default:
		if subresource == "status" {
			keepField("Spec", before, after)
		} else {
			keepField("Status", before, after)
		}
	}
	return nil
}

func keepPod(subresource string, before, after *corev1.Pod) error {
	switch subresource {
	case "status":
		status, version, uid := after.Status, after.ResourceVersion, after.UID
		before.DeepCopyInto(after)
		after.Status, after.ResourceVersion, after.UID = status, version, uid
		return nil
	case "resize":
		return keepResize(before, after)
	}
	after.Status = *before.Status.DeepCopy()
	images := before.DeepCopy()
	for i := range min(len(images.Spec.Containers), len(after.Spec.Containers)) {
		images.Spec.Containers[i].Image = after.Spec.Containers[i].Image
	}
	for i := range min(len(images.Spec.InitContainers), len(after.Spec.InitContainers)) {
		images.Spec.InitContainers[i].Image = after.Spec.InitContainers[i].Image
	}
	if !equality.Semantic.DeepEqual(images.Spec, after.Spec) {
		return Refused(Pod, after.Name, "only images may change")
	}
	return nil
}

// keepResize takes resources alone, and none that would give the Pod another class of service or more than its limits.
func keepResize(before, after *corev1.Pod) error {
	wanted, version, uid := after.Spec.DeepCopy(), after.ResourceVersion, after.UID
	before.DeepCopyInto(after)
	after.ResourceVersion, after.UID = version, uid
	resize(after.Spec.Containers, wanted.Containers)
	resize(after.Spec.InitContainers, wanted.InitContainers)
	if qos.ComputePodQOS(before) != qos.ComputePodQOS(after) {
		return Refused(Pod, after.Name, "Pod QOS Class may not change as a result of resizing")
	}
	for _, c := range slices.Concat(after.Spec.Containers, after.Spec.InitContainers) {
		for name, request := range c.Resources.Requests {
			if limit, ok := c.Resources.Limits[name]; ok && request.Cmp(limit) > 0 {
				return Refused(Pod, after.Name, fmt.Sprintf("request of %s must be less than or equal to its limit", name))
			}
		}
	}
	return nil
}

func resize(containers, wanted []corev1.Container) {
	for i := range min(len(containers), len(wanted)) {
		containers[i].Resources = wanted[i].Resources
	}
}
