// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

// maxNote is how many bytes the note of an event has at most: the API server refuses longer ones.
const maxNote = 1024

// Tell logs and records what a status that was written has brought. It is to be called once for each, after the write.
func Tell(log logr.Logger, recorder events.EventRecorder, object runtime.Object, before, after Standing) {
	LogChanges(log, before.Conditions, after.Conditions)
	for _, e := range Transition(before, after) {
		recorder.Eventf(object, nil, e.Kind, e.Reason, "Look", "%s", e.Note)
	}
}

// LogChanges writes a line for each change of Ready or Stalled.
func LogChanges(log logr.Logger, before, after []metav1.Condition) {
	for _, c := range Changes(before, after) {
		log.Info(c.Type+" is "+string(c.Status), "reason", c.Reason, "message", c.Message)
	}
}

// Shorten cuts a text to at most so many bytes, and says so by three dots.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}
