// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Review asks a webhook about a new object, as the API server does, and changes the object as it answers.
func Review(t testing.TB, handler admission.Handler, object client.Object, dryRun bool) error {
	t.Helper()
	gvk := gvkOf(t, object)
	response := handler.Handle(context.Background(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UID: "review", Kind: metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind},
		Namespace: object.GetNamespace(), Name: object.GetName(), Operation: admissionv1.Create,
		Object: runtime.RawExtension{Raw: Encode(t, object)}, DryRun: &dryRun,
	}})
	if !response.Allowed {
		message := ""
		if response.Result != nil {
			message = response.Result.Message
		}
		return Denied(message)
	}
	if len(response.Patches) == 0 {
		return nil
	}
	operations, err := json.Marshal(response.Patches)
	if err != nil {
		return err
	}
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		return err
	}
	data, err := patch.Apply(Encode(t, object))
	if err != nil {
		return fmt.Errorf("%w in %s", err, operations)
	}
	changed := decodeLike(t, data, object)
	reflect.ValueOf(object).Elem().Set(reflect.ValueOf(changed).Elem())
	return nil
}

// NoWebhook is what the API server says where a webhook has to answer and does not.
func NoWebhook(name string) error {
	return apierrors.NewInternalError(errors.New("failed calling webhook \"" + name + "\": connection refused"))
}
