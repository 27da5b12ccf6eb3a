// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/inplace"
)

// hashRecord is what a Pod's hash annotations hold for one injected set.
type hashRecord struct {
	UpdateTimestamp    metav1.Time `json:"updateTimestamp"`
	Hash               string      `json:"hash"`
	SidecarSetName     string      `json:"sidecarSetName"`
	SidecarList        []string    `json:"sidecarList"`
	ControllerRevision string      `json:"controllerRevision,omitempty"`
}

// updateRecord is what a Pod's update-state annotation holds for one set: what its last in-place update replaced, so
// that one can see when it is finished.
type updateRecord struct {
	Revision              string                      `json:"revision"`
	UpdateTimestamp       metav1.Time                 `json:"updateTimestamp"`
	LastContainerStatuses map[string]inplace.Replaced `json:"lastContainerStatuses"`
	// Resized are the containers whose resources were changed. It is ours: OpenKruise neither writes nor minds it.
	Resized []string `json:"resized,omitempty"`
	// ResizedFrom are the resources that they had. It is written before the resources are, so that a change of which
	// only the first half was written is known for what it is. It is ours too, as is what follows.
	ResizedFrom map[string]corev1.ResourceRequirements `json:"resizedFrom,omitempty"`
	// ResizeRefused are the API server's words where it refused to write the resources, since the Pod's node can never give
	// them.
	ResizeRefused string `json:"resizeRefused,omitempty"`
	// Served says whether the Pod served when the update began, or did not because of an earlier one. Nil in records of
	// OpenKruise.
	Served *bool `json:"served,omitempty"`
	// NotReadySince is since when a Pod was not ready that did not serve; nil when it had no such condition.
	NotReadySince *metav1.Time `json:"notReadySince,omitempty"`
	// NotReady are the set's sidecars in such a Pod that were not ready either: if they still are not, it is not
	// because of the update.
	NotReady []string `json:"notReady,omitempty"`
}

// entries is an annotation that holds one JSON value for each set. The values stay as they are until they are asked
// for, so rewriting one set's entry keeps what others wrote, unknown fields included.
type entries map[string]json.RawMessage

// parseEntries reads such an annotation; a missing one is empty.
func parseEntries(annotation string) (entries, error) {
	if annotation == "" {
		return nil, nil
	}
	var out entries
	if err := json.Unmarshal([]byte(annotation), &out); err != nil {
		return nil, fmt.Errorf("not a JSON object of one entry for each SidecarSet: %w", err)
	}
	if out == nil { // which is what null is decoded to
		return nil, errors.New("not a JSON object of one entry for each SidecarSet: null")
	}
	return out, nil
}

// clone are the same entries, to be changed.
func (e entries) clone() entries {
	out := make(entries, len(e)+1)
	maps.Copy(out, e)
	return out
}

// put replaces the entry of one set.
func (e entries) put(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the entry of SidecarSet %s: %w", name, err)
	}
	e[name] = raw
	return nil
}

// text is what the annotation says.
func (e entries) text() (string, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encode the entries of all SidecarSets: %w", err)
	}
	return string(text), nil
}

// record returns what is recorded about a set, zero when nothing is. An entry that is only a string is the oldest
// format of the wire: the hash.
func (e entries) record(name string) hashRecord {
	var record hashRecord
	if err := json.Unmarshal(e[name], &record); err == nil {
		return record
	}
	if err := json.Unmarshal(e[name], &record.Hash); err != nil {
		return hashRecord{}
	}
	return record
}

// readHash returns what an annotation of hashes records of a set, zero when that is nothing, or cannot be read.
func readHash(annotation, name string) hashRecord {
	if record, _, ok := plainEntry(annotation, name, (*plain).hashRecord); ok {
		return record
	}
	all, _ := parseEntries(annotation)
	return all.record(name)
}

// readUpdate returns what an annotation of updates records of a set's last one, nil when there has been none, or when that
// cannot be read.
func readUpdate(annotation, name string) *updateRecord {
	if annotation == "" {
		return nil
	}
	switch record, found, ok := plainEntry(annotation, name, (*plain).updateRecord); {
	case ok && found:
		return &record
	case ok:
		return nil
	}
	all, _ := parseEntries(annotation)
	return all.update(name)
}

// hash returns the recorded hash of a set, "" when there is none.
func (e entries) hash(name string) string { return e.record(name).Hash }

// update returns what a set's last in-place update replaced, nil when there has been none.
func (e entries) update(name string) *updateRecord {
	raw, ok := e[name]
	if !ok {
		return nil
	}
	var record updateRecord
	if err := json.Unmarshal(raw, &record); err != nil {
		return nil
	}
	return &record
}

// hashRecords makes both hash entries of a set.
func (s *Set) hashRecords(now metav1.Time) (full, withoutImage hashRecord) {
	record := hashRecord{
		UpdateTimestamp: metav1.NewTime(now.UTC()),
		SidecarSetName:  s.Name(),
		SidecarList:     s.SidecarNames,
	}
	full, withoutImage = record, record
	full.Hash, full.ControllerRevision = s.Hashes.Full, s.Revision
	withoutImage.Hash = s.Hashes.WithoutImage
	return full, withoutImage
}

// InjectedSets lists the sets that a Pod says were injected into it.
func InjectedSets(podAnnotations map[string]string) []string {
	list := podAnnotations[v1beta1.SidecarSetInjectedListAnnotation]
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// withInjected returns the injected list with more names in it, sorted.
func withInjected(list []string, names ...string) string {
	all := slices.Concat(list, names)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}
