// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// Undo goes back to a version.
func (r *Revision) Undo() (Change, error) {
	t := r.target
	if r.Current {
		return Change{Text: fmt.Sprintf("%s is at revision %d already.%s", t.Ref(), r.Number, t.follows())}, nil
	}
	var data struct {
		Spec map[string]json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(r.object.Data.Raw, &data); err != nil {
		return Change{}, fmt.Errorf("revision %d of %s cannot be read: %w", r.Number, t.Ref(), err)
	}
	var out Change
	var err error
	if t.StatefulSet != nil {
		out, err = r.undoStatefulSet(data.Spec["template"])
	} else {
		out, err = r.undoSidecarSet(data.Spec)
	}
	if err != nil {
		return Change{}, err
	}
	out.Text = fmt.Sprintf("%s goes back to revision %d (%s): %s.%s", t.Ref(), r.Number, r.Name, strings.Join(r.Images, ", "), out.Text)
	difference, err := r.Diff()
	out.Commit = append([]string{"revert the commit that made this difference:"}, strings.Split(strings.TrimSuffix(difference, "\n"), "\n")...)
	return out, err
}

// undoStatefulSet replaces the template as a whole, by the revision's own bytes.
func (r *Revision) undoStatefulSet(template json.RawMessage) (Change, error) {
	t := r.target
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(template, &fields); err != nil || len(fields) == 0 {
		return Change{}, fmt.Errorf("revision %d of %s holds no Pod template", r.Number, t.Ref())
	}
	delete(fields, "$patch")
	data, err := json.Marshal([]step{
		{"test", "/metadata/resourceVersion", t.StatefulSet.ResourceVersion}, {"replace", "/spec/template", fields},
	})
	return Change{Type: types.JSONPatchType, Data: data, Text: t.follows()}, err
}

// versioned are the fields of a SidecarSet that a revision records.
var versioned = []string{"containers", "initContainers", "volumes", "imagePullSecrets", "patchPodMetadata"}

// undoSidecarSet replaces the fields that are of the version, and the version's own name with them: the operator would
// give the name of the later version to the earlier one otherwise.
func (r *Revision) undoSidecarSet(recorded map[string]json.RawMessage) (Change, error) {
	t := r.target
	spec := map[string]any{}
	for _, field := range versioned {
		spec[field] = nil // which removes it
		if value := recorded[field]; len(value) > 0 {
			spec[field] = value
		}
	}
	metadata := map[string]any{"resourceVersion": t.SidecarSet.ResourceVersion}
	custom := r.object.Labels[v1beta1.SidecarSetCustomVersionLabel]
	spec["customVersion"] = orNull(custom)
	if t.SidecarSet.Labels[v1beta1.SidecarSetCustomVersionLabel] != "" {
		metadata["labels"] = map[string]any{v1beta1.SidecarSetCustomVersionLabel: orNull(custom)}
	}
	data, err := json.Marshal(map[string]any{"metadata": metadata, "spec": spec})
	if err != nil {
		return Change{}, err
	}
	set, err := sidecar.Compile(t.SidecarSet)
	if err != nil {
		return Change{}, err
	}
	earlier, err := set.At(r.Name, r.object.Data.Raw)
	if err != nil {
		return Change{}, err
	}
	text := t.follows()
	if fixed := earlier.DifferenceFromSpec(&t.SidecarSet.Spec).Fixed; len(fixed) > 0 {
		text += fmt.Sprintf(" Running Pods that were updated keep what cannot change in place, until they are created anew: %s.",
			strings.Join(fixed, ", "))
	}
	if t.SidecarSet.Spec.InjectionStrategy.Revision != nil {
		text += " New Pods get the revision that injectionStrategy.revision pins."
	}
	return Change{Type: types.MergePatchType, Data: data, Text: text}, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
