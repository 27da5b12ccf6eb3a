// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Action is what a person can do to an object in Argo CD.
type Action struct {
	Name      string `json:"name"`
	Disabled  bool   `json:"disabled"`
	IconClass string `json:"iconClass"`
}

// Actions lists what a discovery script offers for an object, by name.
func Actions(script string, object *unstructured.Unstructured) ([]Action, error) {
	said, err := run(script, object)
	if err != nil {
		return nil, err
	}
	byName := map[string]Action{}
	if err := json.Unmarshal(said, &byName); err != nil {
		return nil, fmt.Errorf("actions %s: %w", said, err)
	}
	var actions []Action
	for name, action := range byName {
		action.Name = name
		actions = append(actions, action)
	}
	slices.SortFunc(actions, func(a, b Action) int { return cmp.Compare(a.Name, b.Name) })
	return actions, nil
}

// Act runs the script of an action. It returns the object as Argo CD would write it; what changed is sent as a patch.
func Act(script string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	said, err := run(script, object)
	if err != nil {
		return nil, err
	}
	after := &unstructured.Unstructured{}
	if err := json.Unmarshal(said, &after.Object); err != nil {
		return nil, fmt.Errorf("object %s: %w", said, err)
	}
	after.Object = restoreEmpty(after.Object, object.Object).(map[string]any)
	return after, nil
}

// restoreEmpty gives empty maps back that were empty maps before. Lua has one kind of table for maps and lists, and an
// empty one becomes a list.
func restoreEmpty(after, before any) any {
	switch before := before.(type) {
	case map[string]any:
		if list, ok := after.([]any); ok && len(list) == 0 {
			return map[string]any{}
		}
		if fields, ok := after.(map[string]any); ok {
			for key := range fields {
				fields[key] = restoreEmpty(fields[key], before[key])
			}
		}
	case []any:
		if items, ok := after.([]any); ok {
			for i := range min(len(items), len(before)) {
				items[i] = restoreEmpty(items[i], before[i])
			}
		}
	}
	return after
}
