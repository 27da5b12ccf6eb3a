// SPDX-License-Identifier: Apache-2.0

package podtemplate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// filledIn is a container as OpenKruise's webhook stores it, plain as its user wrote it.
const (
	plain    = "{spec: {containers: [{name: app, image: app:1}], initContainers: [{name: setup, image: setup:1}]}}"
	filledIn = `{spec: {
	  containers: [{name: app, image: app:1, imagePullPolicy: Always, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}],
	  initContainers: [{name: setup, image: setup:1, imagePullPolicy: Always, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}]}}`
)

func TestDefaultedLike(t *testing.T) {
	for name, test := range map[string]struct {
		recorded, template string
		want               bool
	}{
		"filled in, and as its user wrote it":         {filledIn, plain, true},
		"filled in twice":                             {filledIn, filledIn, true},
		"filled in, and another policy by now":        {filledIn, strings.Replace(plain, "app:1", "app:1, imagePullPolicy: Never", 1), false},
		"filled in, and the API server's by now":      {filledIn, strings.Replace(plain, "app:1", "app:1, imagePullPolicy: IfNotPresent", 1), false},
		"filled in, by what looks filled in too":      {filledIn, strings.ReplaceAll(filledIn, "imagePullPolicy: Always, ", ""), false},
		"filled in with another policy":               {strings.ReplaceAll(filledIn, "Always", "Never"), plain, false},
		"filled in, with another image":               {filledIn, strings.Replace(plain, "app:1", "app:2", 1), false},
		"a policy that its user wrote, and took away": {strings.Replace(plain, "app:1", "app:1, imagePullPolicy: Always", 1), plain, false},
		"filled in, under another name":               {filledIn, strings.Replace(plain, "name: app", "name: web", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			recorded, wanted := template(t, test.recorded), template(t, test.template)
			before := recorded.DeepCopy()
			if got := podtemplate.Equal(podtemplate.DefaultedLike(recorded, wanted), podtemplate.Defaulted(wanted)); got != test.want {
				t.Errorf("equal = %t, want %t", got, test.want)
			}
			if diff := cmp.Diff(before, recorded); diff != "" {
				t.Errorf("the recorded template was modified (-before +after):\n%s", diff)
			}
		})
	}
}
