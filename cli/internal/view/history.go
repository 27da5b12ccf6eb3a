// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	"github.com/windlass-operator/windlass/internal/sidecar"
)

// changeCause is where kubectl has people say why they changed something.
const changeCause = "kubernetes.io/change-cause"

// Revision is a recorded version of an object.
type Revision struct {
	// Number is what people call it, Name the ControllerRevision's.
	Number int64  `json:"revision"`
	Name   string `json:"name"`
	// Created is when it was recorded first.
	Created metav1.Time `json:"created"`
	// Current: it is what the object says now.
	Current bool `json:"current,omitempty"`
	// Note is the custom version, or the cause of the change, where somebody has given one.
	Note string `json:"note,omitempty"`
	// Images are those of its containers.
	Images []string `json:"images,omitempty"`

	object *appsv1.ControllerRevision
	target *Target
}

// History lists the versions of an object, oldest first.
func (t *Target) History(recorded []*appsv1.ControllerRevision) ([]*Revision, error) {
	same, err := t.same()
	if err != nil {
		return nil, err
	}
	out := make([]*Revision, len(recorded))
	for i, r := range recorded {
		out[i] = &Revision{
			Number: r.Revision, Name: r.Name, Created: r.CreationTimestamp, Images: images(r.Data.Raw), object: r, target: t,
			Note: firstOf(r.Labels[v1beta1.SidecarSetCustomVersionLabel], r.Annotations[changeCause]),
		}
	}
	for _, r := range slices.Backward(out) { // the newest that is the same, as the operator has it
		if same(r.object.Data.Raw) {
			r.Current = true
			break
		}
	}
	return out, nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// same makes the question whether a revision records what the object says now, as the operator asks it.
func (t *Target) same() (func(data []byte) bool, error) {
	if t.SidecarSet != nil {
		set, err := sidecar.Compile(t.SidecarSet)
		if err != nil {
			return nil, err
		}
		return set.SameVersion, nil
	}
	template := &t.StatefulSet.Spec.Template
	current := podtemplate.Defaulted(template)
	return func(data []byte) bool {
		recorded, err := podtemplate.Decode(data)
		return err == nil && podtemplate.Equal(podtemplate.DefaultedLike(recorded, template), current)
	}, nil
}

// images are those of the containers that a revision records, as container=image.
func images(data []byte) []string {
	type list []struct{ Name, Image string }
	var recorded struct {
		Spec struct {
			Containers, InitContainers list
			Template                   struct {
				Spec struct{ Containers, InitContainers list }
			}
		}
	}
	if json.Unmarshal(data, &recorded) != nil {
		return nil
	}
	var out []string
	spec := &recorded.Spec
	for _, l := range []list{spec.InitContainers, spec.Containers, spec.Template.Spec.InitContainers, spec.Template.Spec.Containers} {
		for _, c := range l {
			out = append(out, c.Name+"="+c.Image)
		}
	}
	return out
}

// Find finds a version by its number.
func Find(history []*Revision, number int64) (*Revision, error) {
	var numbers []string
	for _, r := range history {
		if r.Number == number {
			return r, nil
		}
		numbers = append(numbers, fmt.Sprint(r.Number))
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("there is no revision %d; no revision is recorded", number)
	}
	return nil, fmt.Errorf("there is no revision %d; there are %s", number, strings.Join(numbers, ", "))
}

// Previous is the version before the current one: the newest of the others.
func Previous(history []*Revision) (*Revision, error) {
	for _, r := range slices.Backward(history) {
		if !r.Current {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no earlier revision to go back to")
}

// Recorded is the part of the object that a revision holds.
func (r *Revision) Recorded() (map[string]any, error) { return specIn(r.object.Data.Raw) }

func specIn(data []byte) (map[string]any, error) {
	var decoded struct {
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("the revision's data cannot be read: %w", err)
	}
	return withoutEmpty(decoded.Spec).(map[string]any), nil
}

// withoutEmpty drops what says nothing to people: nulls, and the directive to replace. Empty objects stay: emptyDir is one.
func withoutEmpty(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, entry := range v {
			if kept := withoutEmpty(entry); key != "$patch" && kept != nil {
				out[key] = kept
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return value
}

// current is the same part of the object as it is now.
func (t *Target) current() (map[string]any, error) {
	if t.StatefulSet != nil {
		data, err := podtemplate.Encode(&t.StatefulSet.Spec.Template)
		if err != nil {
			return nil, err
		}
		return specIn(data)
	}
	set, err := sidecar.Compile(t.SidecarSet)
	if err != nil {
		return nil, err
	}
	data, err := set.VersionData()
	if err != nil {
		return nil, err
	}
	return specIn(data)
}

// Diff is what undoing to a version changes, "" for nothing.
func (r *Revision) Diff() (string, error) {
	now, err := r.target.current()
	if err != nil {
		return "", err
	}
	then, err := r.Recorded()
	if err != nil {
		return "", err
	}
	before, err := yaml.Marshal(map[string]any{"spec": now})
	if err != nil {
		return "", err
	}
	after, err := yaml.Marshal(map[string]any{"spec": then})
	if err != nil {
		return "", err
	}
	return diff(string(before), string(after), r.target.Ref().String()+" now", fmt.Sprintf("revision %d", r.Number))
}
