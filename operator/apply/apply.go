// SPDX-License-Identifier: Apache-2.0

// Package apply holds what every controller's executor needs to carry out a plan: a slow start, the meaning of refusals, the
// writes of Pods, and the write of a status.
package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// ErrOvertaken says that nothing was written, since another look has taken from one of the Pod's budgets just before:
// operator/ledger. No object changes for it, so nothing but time brings the next look.
var ErrOvertaken = errors.New("another set has restarted a Pod of the same workload or PodDisruptionBudget just now")

// IsStale reports whether a write failed because the object is gone, or is not what the snapshot said: the API server
// answers a failed JSON patch test with Invalid and no field causes. A webhook may deny with any code it likes, so what
// it denied is never stale.
func IsStale(err error) bool {
	if IsDenial(err) {
		return false
	}
	if errors.Is(err, ErrOvertaken) {
		return true
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	status := apierrors.APIStatus(nil)
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || len(details.Causes) == 0
}

// IsDenial reports whether an admission webhook denied a write. Only the words of the API server say so: the code is
// the webhook's choice.
func IsDenial(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return false
	}
	message := status.Status().Message
	return strings.HasPrefix(message, "admission webhook ") && strings.Contains(message, " denied the request")
}

// Wrap says what an error, if there is one, was met in.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Status writes the difference between the status of two states of an object, and reports whether there was one. The
// first status that we write of an object is written whole: a difference would leave out counters of 0, which nobody
// could tell from counters that are not there.
func Status(ctx context.Context, writer client.SubResourceWriter, before, after client.Object, first bool) (bool, error) {
	data, err := client.MergeFrom(before).Data(after)
	if err == nil && first {
		data, err = wholeStatus(after)
	}
	if err != nil {
		return false, fmt.Errorf("encode the status: %w", err)
	}
	if string(data) == "{}" {
		return false, nil
	}
	err = writer.Patch(ctx, after, client.RawPatch(types.MergePatchType, data))
	return err == nil, err
}

func wholeStatus(object client.Object) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"status": fields["status"]})
}

// FirstStatus reports whether a status is not one that we wrote: ours always have the condition Ready.
func FirstStatus(conditions []metav1.Condition) bool {
	return meta.FindStatusCondition(conditions, v1beta1.ConditionReady) == nil
}
