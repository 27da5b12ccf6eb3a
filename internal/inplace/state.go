// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/pods"
)

// State is what the annotation apps.kruise.io/inplace-update-state records of the last change in place of a Pod: what
// it replaced, and what is still to be written. Fields that this version does not know survive being rewritten.
type State struct {
	// Revision is the name of the revision that the Pod is brought to.
	Revision        string      `json:"revision"`
	UpdateTimestamp metav1.Time `json:"updateTimestamp"`
	// LastContainerStatuses are what ran in the containers whose image changed.
	LastContainerStatuses map[string]Replaced `json:"lastContainerStatuses"`
	// UpdateEnvFromMetadata, UpdateResources and UpdateImages tell what kinds of changes were made.
	UpdateEnvFromMetadata bool `json:"updateEnvFromMetadata,omitempty"`
	UpdateResources       bool `json:"updateResources,omitempty"`
	UpdateImages          bool `json:"updateImages,omitempty"`
	// Next... are, by container, what is to be written once the containers of PreCheckBeforeNext are ready. OpenKruise
	// changes containers that have launch priorities one priority after the other; Windlass writes none of these, and
	// carries out those that it finds.
	NextContainerImages      map[string]string                      `json:"nextContainerImages,omitempty"`
	NextContainerRefMetadata map[string]RefMetadata                 `json:"nextContainerRefMetadata,omitempty"`
	NextContainerResources   map[string]corev1.ResourceRequirements `json:"nextContainerResources,omitempty"`
	PreCheckBeforeNext       *PreCheck                              `json:"preCheckBeforeNext,omitempty"`
	ContainerBatchesRecord   []ContainerBatch                       `json:"containerBatchesRecord,omitempty"`

	// Restarted are the containers that had to start anew with what they ran. It is ours: OpenKruise neither writes nor
	// minds it.
	Restarted map[string]Restarted `json:"restarted,omitempty"`
	// Resized are the containers whose cpu or memory changed. It is ours too.
	Resized []string `json:"resized,omitempty"`
	// OwedResources are amounts of cpu and memory that containers are to have and that the API server refused to write, since
	// the Pod's node can never give them; ResizeRefused is what it said. They are ours too.
	OwedResources map[string]corev1.ResourceRequirements `json:"owedResources,omitempty"`
	ResizeRefused string                                 `json:"resizeRefused,omitempty"`

	// source is what was read, for the sake of fields that are not known here.
	source string
}

// Running identifies what a container runs now, as its status says.
func Running(pod *corev1.Pod, name string) Replaced {
	if status := pods.Status(pod, name); status != nil {
		return Replaced{ImageID: status.ImageID, ContainerID: status.ContainerID}
	}
	return Replaced{}
}

// Restarted identifies a container that had to start anew.
type Restarted struct {
	// ContainerID as the container's status had it; empty if it had not started.
	ContainerID string `json:"containerID"`
	// Images are those that the Pod's spec gave it since it was started.
	Images []string `json:"images"`
}

// RefMetadata is the part of a Pod's metadata that a container's environment reads.
type RefMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PreCheck is what must be true before the next containers are changed.
type PreCheck struct {
	ContainersRequiredReady []string `json:"containersRequiredReady,omitempty"`
}

// ContainerBatch records containers that were changed together.
type ContainerBatch struct {
	Timestamp  metav1.Time `json:"timestamp"`
	Containers []string    `json:"containers"`
}

// Grace is what the annotation apps.kruise.io/inplace-update-grace holds: a change that OpenKruise put off until the
// end of a grace period. Windlass reads and removes it, and never writes it.
type Grace struct {
	// Revision is the name of the revision that the change leads to.
	Revision             string                                 `json:"revision"`
	ContainerImages      map[string]string                      `json:"containerImages,omitempty"`
	ContainerRefMetadata map[string]RefMetadata                 `json:"containerRefMetadata,omitempty"`
	ContainerResources   map[string]corev1.ResourceRequirements `json:"containerResources,omitempty"`
	// MetaDataPatch is a strategic merge patch of a Pod, in base64.
	MetaDataPatch         []byte `json:"metaDataPatch,omitempty"`
	UpdateEnvFromMetadata bool   `json:"updateEnvFromMetadata,omitempty"`
	// GraceSeconds count from the state's UpdateTimestamp.
	GraceSeconds int32 `json:"graceSeconds,omitempty"`
}

// The keys of both records, the current one first.
var (
	stateKeys = []string{v1beta1.InPlaceUpdateStateAnnotation, v1beta1.InPlaceUpdateStateLegacyAnnotation}
	graceKeys = []string{v1beta1.InPlaceUpdateGraceAnnotation, v1beta1.InPlaceUpdateGraceLegacyAnnotation}
)

// ParseState reads the state of a Pod from its annotations, under the current key or the legacy one; nil when there is
// none.
func ParseState(annotations map[string]string) (*State, error) {
	text, key := either(annotations, stateKeys...)
	if key == "" {
		return nil, nil
	}
	state := &State{source: text}
	if err := utiljson.Unmarshal([]byte(text), state); err != nil {
		return nil, unreadable(key, err)
	}
	return state, nil
}

// ParseGrace reads the change that waits for the end of its grace period, under the current key or the legacy one; nil
// when there is none.
func ParseGrace(annotations map[string]string) (*Grace, error) {
	text, key := either(annotations, graceKeys...)
	if key == "" {
		return nil, nil
	}
	grace := &Grace{}
	if err := utiljson.Unmarshal([]byte(text), grace); err != nil {
		return nil, unreadable(key, err)
	}
	return grace, nil
}

// either returns the annotation under the first key that there is, and that key.
func either(annotations map[string]string, keys ...string) (text, key string) {
	for _, key := range keys {
		if text, ok := annotations[key]; ok {
			return text, key
		}
	}
	return "", ""
}

func unreadable(key string, err error) error {
	return fmt.Errorf("annotation %s of the Pod is not what was written there: %w", key, err)
}

// text is what the annotation says: the known fields in the wire's order, and behind them whatever else was read.
func (s *State) text() string {
	known, _ := json.Marshal(s) // plain values can always be encoded
	unknown := map[string]json.RawMessage{}
	if err := utiljson.Unmarshal([]byte(s.source), &unknown); err != nil {
		return string(known) // it is new
	}
	for _, field := range stateFields {
		delete(unknown, field)
	}
	if len(unknown) == 0 {
		return string(known)
	}
	rest, _ := json.Marshal(unknown)
	return strings.TrimSuffix(string(known), "}") + "," + strings.TrimPrefix(string(rest), "{")
}

// stateFields are the names of the fields of a State.
var stateFields = func() []string {
	var out []string
	state := reflect.TypeFor[State]()
	for i := range state.NumField() {
		if name, _, _ := strings.Cut(state.Field(i).Tag.Get("json"), ","); name != "" {
			out = append(out, name)
		}
	}
	return out
}()
