// SPDX-License-Identifier: Apache-2.0

package sidecarset

import (
	"fmt"

	metav1validation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/fieldpath"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// podName is the one field without key that can name a container.
const podName = "metadata.name"

// validateTransfer checks where a variable's source container gets its name from.
func validateTransfer(transfer *v1beta1.TransferEnvVar, path *field.Path) field.ErrorList {
	from := transfer.SourceContainerNameFrom
	if from == nil || from.FieldRef == nil {
		return nil
	}
	path = path.Child("sourceContainerNameFrom", "fieldRef")
	var errs field.ErrorList
	if version := from.FieldRef.APIVersion; version != "" && version != "v1" {
		errs = append(errs, field.NotSupported(path.Child("apiVersion"), version, []string{"v1"}))
	}
	if message := fieldPathMessage(from.FieldRef.FieldPath); message != "" {
		errs = append(errs, field.Invalid(path.Child("fieldPath"), from.FieldRef.FieldPath, message))
	}
	return errs
}

// fieldPathMessage says what is wrong with the path of a field of a Pod, or "".
func fieldPathMessage(path string) string {
	const allowed = "must be metadata.labels['key'], metadata.annotations['key'] or metadata.name"
	if path == podName {
		return ""
	}
	where, key, subscripted := fieldpath.SplitMaybeSubscriptedPath(path)
	if !subscripted {
		return allowed
	}
	var messages []string
	switch where {
	case "metadata.labels":
		messages = validation.IsQualifiedName(key)
	case "metadata.annotations":
		for _, err := range metav1validation.ValidateAnnotations(map[string]string{key: ""}, nil) {
			messages = append(messages, err.Detail)
		}
	default:
		return allowed
	}
	if len(messages) > 0 {
		return fmt.Sprintf("%q cannot be a key: %s", key, messages[0])
	}
	return ""
}

// transferWarnings names transfers that copy nothing.
func transferWarnings(sidecars []located) []string {
	var out []string
	for _, c := range sidecars {
		for i := range c.TransferEnv {
			for _, why := range ineffective(&c.TransferEnv[i]) {
				out = append(out, fmt.Sprintf("%s: copies nothing%s", c.path.Child("transferEnv").Index(i), why))
			}
		}
	}
	return out
}

func ineffective(transfer *v1beta1.TransferEnvVar) []string {
	var out []string
	from := transfer.SourceContainerNameFrom
	switch {
	case from != nil && from.FieldRef != nil:
		if from.FieldRef.FieldPath == podName {
			out = append(out, " into Pods that a controller creates: they have no name yet when sidecars are injected")
		}
	case transfer.SourceContainerName == "":
		out = append(out, ": it names no source container (sourceContainerName or sourceContainerNameFrom)")
	}
	if transfer.EnvName == "" && len(transfer.EnvNames) == 0 {
		out = append(out, ": it names no variable (envName or envNames)")
	}
	return out
}
