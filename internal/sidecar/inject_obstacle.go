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

// Obstacle is why a set that matches a Pod is left out of it all the same.
type Obstacle struct {
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
func (o Obstacle) String() string {
	return "SidecarSet " + o.Set + " is not injected: " + o.Message
}

// What is recorded in one Pod is bounded: a Pod has room for 256 KiB of annotations in all, and etcd keeps every byte.
const (
	// recordedObstacles is how many sets are recorded.
	recordedObstacles = 20
	// recordedMessage is how many bytes of a message are recorded.
	recordedMessage = 300
)

// obstacleRecord is what a Pod's annotation holds for one set.
type obstacleRecord struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Revision string `json:"revision,omitempty"`
}

// ObstaclesText is the annotation of a Pod that these sets were left out of, "" when there is none.
func ObstaclesText(obstacles []Obstacle) (string, error) {
	if len(obstacles) == 0 {
		return "", nil
	}
	records := entries{}
	for _, o := range obstacles[:min(len(obstacles), recordedObstacles)] {
		if err := records.put(o.Set, obstacleRecord{o.Reason, bounded(o.Message), o.Revision}); err != nil {
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

// RecordedObstacle is what the webhook has recorded about a set that it left out of the Pod, false when it recorded
// nothing.
func RecordedObstacle(pod *corev1.Pod, set string) (Obstacle, bool) {
	records, err := parseEntries(pod.Annotations[v1beta1.SidecarSetOmittedAnnotation])
	if err != nil {
		return Obstacle{}, false
	}
	var record obstacleRecord
	if raw, ok := records[set]; !ok || json.Unmarshal(raw, &record) != nil || record.Reason == "" {
		return Obstacle{}, false
	}
	return Obstacle{
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
func Admit(pod *corev1.Pod, sets []*Set, strictly bool) (admitted []*Set, obstacles []Obstacle) {
	optedOut := OptedOut(pod)
	records := records{pod}
	for _, set := range sets {
		obstacle := Obstacle{Set: set.Name(), Revision: set.Revision}
		switch {
		case optedOut:
			obstacle.Reason, obstacle.Message = v1beta1.ReasonOptedOut, messageOptedOut
		case set.Spec.InjectionStrategy.Paused:
			obstacle.Reason, obstacle.Message = v1beta1.ReasonInjectionPaused, messagePaused
		default:
			admitted = append(admitted, set)
			continue
		}
		if strictly || !records.holds(set) {
			obstacles = append(obstacles, obstacle)
		}
	}
	return admitted, obstacles
}

// ObstacleTo is why a set is left out of a Pod, and would be left out of one that its owner makes in its place; false
// when nothing is in the way. The Pod may be a live one from a cache that keeps no more of its containers than the
// names. sets are all sets that match it, this one among them.
//
// What only the webhook can judge, the Pod as a whole, is taken from its record, as long as the set has not changed
// since.
func ObstacleTo(pod *corev1.Pod, set *Set, sets []*Set) (Obstacle, bool) {
	anew := asCreated(pod, sets)
	admitted, obstacles := Admit(anew, sets, false)
	obstacles = append(obstacles, choose(readIncoming(anew), admitted, nil).obstacles...)
	for _, o := range obstacles {
		if o.Set == set.Name() {
			return o, true
		}
	}
	recorded, ok := RecordedObstacle(pod, set.Name())
	if ok && recorded.Reason == v1beta1.ReasonInvalidPod && recorded.Revision == set.Revision {
		return recorded, true
	}
	return Obstacle{}, false
}

// NameTaken says which container of a live Pod, read as a whole, keeps a set out of the one that its owner makes in its
// place; "" for none. The set need not match, nor be the version that the Pod has.
func NameTaken(pod *corev1.Pod, set *Set) string {
	if OptedOut(pod) {
		return ""
	}
	_, message := takenNames{}.obstacle(readIncoming(asCreated(pod, nil)), set)
	return message
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
