// SPDX-License-Identifier: Apache-2.0

package podpatch_test

import (
	"testing"

	"github.com/windlass-operator/windlass/internal/podpatch"
)

func TestPointer(t *testing.T) {
	for name, test := range map[string]struct {
		fields []string
		want   string
	}{
		"the whole document is the empty pointer": {nil, ""},
		"fields are joined by slashes":            {[]string{"metadata", "uid"}, "/metadata/uid"},
		"a slash in a key is escaped":             {[]string{"metadata", "annotations", "a.io/b"}, "/metadata/annotations/a.io~1b"},
		"a tilde is escaped before a slash":       {[]string{"~/"}, "/~0~1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := podpatch.Pointer(test.fields...); got != test.want {
				t.Errorf("Pointer(%q) = %q, want %q", test.fields, got, test.want)
			}
		})
	}
}
