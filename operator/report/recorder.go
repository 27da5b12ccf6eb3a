// SPDX-License-Identifier: Apache-2.0

package report

import (
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/shorten"
)

// Recorder records events, and no warning over and over. Its methods may be called from many goroutines.
type Recorder struct {
	events  events.EventRecorder
	repeats *Repeats
}

// NewRecorder returns a Recorder that has said nothing yet.
func NewRecorder(recorder events.EventRecorder) *Recorder {
	return &Recorder{events: recorder, repeats: NewRepeats()}
}

// Record records what was found when an object was looked at. Of the warnings of one topic it records one a minute.
func (r *Recorder) Record(object client.Object, now time.Time, list ...Event) {
	key := client.ObjectKeyFromObject(object)
	for _, e := range list {
		if topic := e.topic(); topic == "" || r.repeats.First(key, topic, now) {
			r.record(object, e)
		}
	}
}

func (r *Recorder) record(object runtime.Object, e Event) {
	if e.About != nil {
		object = e.About
	}
	r.events.Eventf(object, e.Related, e.Kind, e.Reason, e.Action, "%s", shorten.To(e.Note, MaxMessage))
}

// Forget drops an object that is gone.
func (r *Recorder) Forget(object types.NamespacedName) { r.repeats.Forget(object) }

// LogChanges writes a line for each change of Ready or Stalled.
func LogChanges(log logr.Logger, before, after []metav1.Condition) {
	for _, c := range Changes(before, after) {
		log.Info(c.Type+" is "+string(c.Status), "reason", c.Reason, "message", c.Message)
	}
}
