// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// now is what the tests of Argo CD's repository have for the time of a restart.
const now = "0001-01-01T00:00:00Z"

// restartedAt is where an action notes the time.
var restartedAt = []string{"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"}

func TestActions(t *testing.T) {
	type change map[string]any
	for name, test := range map[string]struct {
		kind, phase, action string
		// want is all that differs afterwards.
		want change
	}{
		"a set is paused in mid-rollout":    {"StatefulSet", "rolling", "pause", change{"spec.updateStrategy.rollingUpdate.paused": true}},
		"a paused set goes on":              {"StatefulSet", "paused", "resume", change{"spec.updateStrategy.rollingUpdate.paused": false}},
		"a set is restarted":                {"StatefulSet", "complete", "restart", change{"spec.template.metadata.annotations": map[string]any{restartedAt[4]: now}}},
		"a set is restarted once more":      {"StatefulSet", "restarted", "restart", change{strings.Join(restartedAt, "."): now}},
		"sidecars are paused in mid-update": {"SidecarSet", "rolling", "pause", change{"spec.updateStrategy.paused": true}},
		"paused sidecars go on":             {"SidecarSet", "paused", "resume", change{"spec.updateStrategy.paused": false}},
	} {
		t.Run(name, func(t *testing.T) {
			object := phases(t, test.kind)[test.phase]
			before, err := plain(object)
			if err != nil {
				t.Fatal(err)
			}
			got := change{}
			differences(before, act(t, test.kind, test.action, object), "", got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what %s changed (-want +got):\n%s", test.action, diff)
			}
		})
	}
}

// differences notes what an object has otherwise than it had it before, nil for what it does not have any more.
func differences(before, after map[string]any, path string, into map[string]any) {
	for key := range before {
		if _, ok := after[key]; !ok {
			into[path+key] = nil
		}
	}
	for key, value := range after {
		earlier, isMap := before[key].(map[string]any)
		later, staysMap := value.(map[string]any)
		switch {
		case isMap && staysMap:
			differences(earlier, later, path+key+".", into)
		case !cmp.Equal(before[key], value):
			into[path+key] = value
		}
	}
}

// act runs an action of ours. The time that it notes must be one, and is then replaced.
func act(t *testing.T, kind, action string, object *unstructured.Unstructured) map[string]any {
	t.Helper()
	after, err := Act(string(readFile(t, filepath.Join(Own(root, kind), "actions", action, "action.lua"))), object)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok, _ := unstructured.NestedString(after.Object, restartedAt...); ok && action == "restart" {
		if !regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(at) {
			t.Errorf("restarted at %q", at)
		}
		if err := unstructured.SetNestedField(after.Object, now, restartedAt...); err != nil {
			t.Fatal(err)
		}
	}
	return after.Object
}

// actionTests is a file action_test.yaml.
type actionTests struct {
	Discovery []discoveryTest `json:"discoveryTests"`
	Actions   []actionTest    `json:"actionTests"`
}

type discoveryTest struct {
	Input  string   `json:"inputPath"`
	Result []Action `json:"result"`
}

type actionTest struct {
	Action   string `json:"action"`
	Input    string `json:"inputPath"`
	Expected string `json:"expectedOutputPath"`
}

// The actions come with tests in the form that Argo CD's own repository has, too.
func TestActionsComeWithTheirTests(t *testing.T) {
	for kind, actions := range map[string][]struct{ action, phase string }{
		"StatefulSet": {{"pause", "complete"}, {"resume", "paused"}, {"restart", "complete"}},
		"SidecarSet":  {{"pause", "complete"}, {"resume", "paused"}},
	} {
		t.Run(kind, func(t *testing.T) {
			directory := filepath.Join(Own(root, kind), "actions")
			objects := phases(t, kind)
			var tests actionTests
			for _, a := range actions {
				input, expected := filepath.Join("testdata", a.phase+".yaml"), filepath.Join("testdata", a.phase+"-"+a.action+".yaml")
				keep(t, filepath.Join(directory, input), readFile(t, phaseFile(kind, a.phase)))
				keep(t, filepath.Join(directory, expected), encode(t, act(t, kind, a.action, objects[a.phase])))
				tests.Actions = append(tests.Actions, actionTest{a.action, input, expected})
				if !slices.ContainsFunc(tests.Discovery, func(d discoveryTest) bool { return d.Input == input }) {
					tests.Discovery = append(tests.Discovery, discoveryTest{input, offered(t, kind, objects[a.phase])})
				}
			}
			keep(t, filepath.Join(directory, "action_test.yaml"), encode(t, tests))
		})
	}
}

// offered are the actions that our discovery script offers. There is a script for each of them.
func offered(t *testing.T, kind string, object *unstructured.Unstructured) []Action {
	t.Helper()
	directory := filepath.Join(Own(root, kind), "actions")
	actions, err := Actions(string(readFile(t, filepath.Join(directory, "discovery.lua"))), object)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range actions {
		if _, err := os.Stat(filepath.Join(directory, action.Name, "action.lua")); err != nil {
			t.Errorf("action %s is offered: %v", action.Name, err)
		}
	}
	return actions
}

func TestActionsAreOfferedWhereTheyDoSomething(t *testing.T) {
	for name, test := range map[string]struct {
		kind, phase string
		want        map[string]bool
	}{
		"a set that goes on":  {"StatefulSet", "rolling", map[string]bool{"pause": true, "resume": false, "restart": true}},
		"a set that rests":    {"StatefulSet", "paused", map[string]bool{"pause": false, "resume": true, "restart": true}},
		"sidecars that go on": {"SidecarSet", "rolling", map[string]bool{"pause": true, "resume": false}},
		"sidecars that rest":  {"SidecarSet", "paused", map[string]bool{"pause": false, "resume": true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]bool{}
			for _, action := range offered(t, test.kind, phases(t, test.kind)[test.phase]) {
				got[action.Name] = !action.Disabled
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("actions that can be chosen (-want +got):\n%s", diff)
			}
		})
	}
}
