// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Omission is a set that matches a Pod and is left out of it all the same.
type Omission struct {
	// Set is its name, Reason one of the constants of api/v1beta1.
	Set, Reason string
	// Message is a clause for people: what is in the way, and what to do.
	Message string
	// Revision names the version of the set that was left out, "" when unknown.
	Revision string
	// Intended is true when somebody has asked for just that, so that nobody needs to be warned.
	Intended bool
}

// String is a sentence for people.
func (o Omission) String() string {
	return "SidecarSet " + o.Set + " is not injected: " + o.Message
}

// What is recorded in one Pod is bounded: a Pod has room for 256 KiB of annotations in all, and etcd keeps every byte.
const (
	// recordedOmissions is how many sets are recorded.
	recordedOmissions = 20
	// recordedMessage is how many bytes of a message are recorded.
	recordedMessage = 300
)

// omissionRecord is what a Pod's annotation holds for one set.
type omissionRecord struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Revision string `json:"revision,omitempty"`
}

// OmissionsText is the annotation of a Pod that these sets were left out of, "" when there is none.
func OmissionsText(omitted []Omission) (string, error) {
	if len(omitted) == 0 {
		return "", nil
	}
	records := entries{}
	for _, o := range omitted[:min(len(omitted), recordedOmissions)] {
		if err := records.put(o.Set, omissionRecord{o.Reason, bounded(o.Message), o.Revision}); err != nil {
			return "", err
		}
	}
	return records.text()
}

// bounded cuts a message between two characters.
func bounded(message string) string {
	if len(message) <= recordedMessage {
		return message
	}
	cut := recordedMessage - len("...")
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return strings.TrimSpace(message[:cut]) + "..."
}

// RecordedOmission is what the webhook has recorded about a set that it left out of the Pod, false when it recorded
// nothing.
func RecordedOmission(pod *corev1.Pod, set string) (Omission, bool) {
	records, err := parseEntries(pod.Annotations[v1beta1.SidecarSetOmittedAnnotation])
	if err != nil {
		return Omission{}, false
	}
	var record omissionRecord
	if raw, ok := records[set]; !ok || json.Unmarshal(raw, &record) != nil || record.Reason == "" {
		return Omission{}, false
	}
	return Omission{
		Set: set, Reason: record.Reason, Message: record.Message, Revision: record.Revision,
		Intended: record.Reason == v1beta1.ReasonCanary,
	}, true
}

// Why a set is left out, as a clause after its name.
const (
	messageOptedOut = "the Pod opts out: its label or annotation " + v1beta1.SidecarInjectionKey + ` is "false"`
	messagePaused   = "its spec.injectionStrategy.paused is true"
)

// Admit keeps the sets that may be injected into the Pod. Nothing is said about one that the Pod carries already, as
// its records say: it may be a copy of another Pod. Strictly, no record is believed.
func Admit(pod *corev1.Pod, sets []*Set, strictly bool) (admitted []*Set, omitted []Omission) {
	optedOut := OptedOut(pod)
	records := readRecords(pod)
	for _, set := range sets {
		omission := Omission{Set: set.Name(), Revision: set.Revision}
		switch {
		case optedOut:
			omission.Reason, omission.Message = v1beta1.ReasonOptedOut, messageOptedOut
		case set.Spec.InjectionStrategy.Paused:
			omission.Reason, omission.Message = v1beta1.ReasonInjectionPaused, messagePaused
		default:
			admitted = append(admitted, set)
			continue
		}
		if strictly || !records.holds(set) {
			omitted = append(omitted, omission)
		}
	}
	return admitted, omitted
}

// WhyOmitted says why a set is left out of a Pod, and would be left out of one that its owner makes in its place; false
// when nothing is in the way. The Pod may be a live one from a cache that keeps no more of its containers than the
// names. sets are all sets that match it, this one among them.
//
// What only the webhook can judge, the Pod as a whole, is taken from its record, as long as the set has not changed
// since.
func WhyOmitted(pod *corev1.Pod, set *Set, sets []*Set) (Omission, bool) {
	anew := asCreated(pod, sets)
	admitted, omitted := Admit(anew, sets, false)
	omitted = append(omitted, choose(readIncoming(anew), admitted, nil).omitted...)
	for _, o := range omitted {
		if o.Set == set.Name() {
			return o, true
		}
	}
	recorded, ok := RecordedOmission(pod, set.Name())
	if ok && recorded.Reason == v1beta1.ReasonInvalidPod && recorded.Revision == set.Revision {
		return recorded, true
	}
	return Omission{}, false
}

// asCreated is a Pod as its owner makes it: without what was injected into it.
func asCreated(pod *corev1.Pod, sets []*Set) *corev1.Pod {
	view := readIncoming(pod)
	names := takenNames{}
	for _, set := range sets {
		if view.Injected(set.Name()) {
			names.take(set)
		}
	}
	out := &corev1.Pod{ObjectMeta: pod.ObjectMeta}
	out.Annotations = map[string]string{
		v1beta1.ReplacedBySidecarAnnotation: pod.Annotations[v1beta1.ReplacedBySidecarAnnotation],
		v1beta1.SidecarInjectionKey:         pod.Annotations[v1beta1.SidecarInjectionKey],
	}
	own := func(list []corev1.Container) []corev1.Container {
		return slices.DeleteFunc(slices.Clone(list), func(c corev1.Container) bool {
			return names[c.Name] != "" || view.injectedContainer(&c)
		})
	}
	out.Spec.InitContainers, out.Spec.Containers = own(pod.Spec.InitContainers), own(pod.Spec.Containers)
	return out
}
