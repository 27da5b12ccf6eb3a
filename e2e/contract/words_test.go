// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// universal are words that say something of each Pod, and nothing when there is none.
var universal = regexp.MustCompile(`(?i)\b(all|every|each)\b`)

// counters say, for each kind, what has to be more than 0 before a condition may speak of all: "" is for those that are
// not named.
var counters = map[string]map[string]string{
	"SidecarSet":  {"": "updatedPods", "Injected": "matchedPods"},
	"StatefulSet": {"": "updatedReplicas", "Stalled": "replicas"},
	"SchedPatch":  {"": "matchedPods"},
}

func TestNoMessageSpeaksOfAllWhereThereIsNone(t *testing.T) {
	eachPhase(t, func(t *testing.T, kind string, object *unstructured.Unstructured) {
		for _, condition := range conditionsOf(t, object) {
			counter, ok := counters[kind][condition["type"]]
			if !ok {
				counter = counters[kind][""]
			}
			count, _, _ := unstructured.NestedInt64(object.Object, "status", counter)
			if word := universal.FindString(condition["message"]); word != "" && count == 0 {
				t.Errorf("%s says %q although status.%s is 0: %s", condition["type"], word, counter, condition["message"])
			}
		}
	})
}

// TestOnlyReadySpeaksAtLength: describe shows the conditions below each other, and the same paragraph three times hides
// the rest.
func TestOnlyReadySpeaksAtLength(t *testing.T) {
	const most = 300
	eachPhase(t, func(t *testing.T, _ string, object *unstructured.Unstructured) {
		said := map[string]string{}
		for _, condition := range conditionsOf(t, object) {
			kind, message := condition["type"], condition["message"]
			if message == "" {
				t.Errorf("%s says nothing", kind)
			}
			if first, ok := said[message]; ok && strings.Count(message, ". ") > 0 {
				t.Errorf("%s and %s say the same at length: %s", first, kind, message)
			}
			said[message] = kind
			switch kind {
			case "Reconciling", "Stalled", "Progressing", "Expired":
				if len(message) > most {
					t.Errorf("%s has %d bytes, at most %d are short: %s", kind, len(message), most, message)
				}
			}
		}
	})
}

func TestEveryPhaseIsSummedUp(t *testing.T) {
	eachPhase(t, func(t *testing.T, _ string, object *unstructured.Unstructured) {
		summary, _, _ := unstructured.NestedString(object.Object, "status", "summary")
		stalled := false
		for _, condition := range conditionsOf(t, object) {
			stalled = stalled || condition["type"] == "Stalled" && condition["status"] == "True"
		}
		switch {
		case len(conditionsOf(t, object)) == 0: // nobody has looked at it
		case summary == "" || len(summary) > 40:
			t.Errorf("the summary %q is not a few words", summary)
		case stalled != strings.HasPrefix(summary, "Stalled: "):
			t.Errorf("stalled is %t, and the summary is %q", stalled, summary)
		}
	})
}

// eachPhase calls a function with the object of every phase of every kind.
func eachPhase(t *testing.T, check func(t *testing.T, kind string, object *unstructured.Unstructured)) {
	t.Helper()
	for kind := range counters {
		files, err := filepath.Glob(phaseFile(kind, "*"))
		if err != nil || len(files) < 10 {
			t.Fatalf("phases of %s: %v, %v", kind, files, err)
		}
		for _, file := range files {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
				check(t, kind, readObject(t, file))
			})
		}
	}
}

func conditionsOf(t *testing.T, object *unstructured.Unstructured) (out []map[string]string) {
	t.Helper()
	list, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range list {
		texts := map[string]string{}
		for key, value := range each.(map[string]any) {
			if text, ok := value.(string); ok {
				texts[key] = text
			}
		}
		out = append(out, texts)
	}
	return out
}
