// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestOnlyErrorsAboutMissingMountedVolumesNameThoseThatThereAre(t *testing.T) {
	path := field.NewPath("spec", "containers").Index(0)
	mount, device := path.Child("volumeMounts").Index(0).Child("name"), path.Child("volumeDevices").Index(0).Child("name")
	for name, test := range map[string]struct {
		err     *field.Error
		volumes []string
		want    string
	}{
		"a mount":            {field.NotFound(mount, "x"), []string{"a", "b"}, "must be ours, of which there are a, b"},
		"a device":           {field.NotFound(device, "x"), []string{"a"}, "must be ours, of which there are a"},
		"without volumes":    {field.NotFound(mount, "x"), nil, "must be ours, of which there are none"},
		"another error":      {field.Required(mount, "must be given"), []string{"a"}, "must be given"},
		"of something else":  {field.NotFound(path.Child("env"), "x"), []string{"a"}, ""},
		"not of a container": {field.NotFound(field.NewPath("spec", "volumes"), "x"), []string{"a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			NameVolumes(field.ErrorList{test.err}, "must be ours", test.volumes, func(v string) string { return v })
			if diff := cmp.Diff(test.want, test.err.Detail); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAChoiceIsOneOfTheAllowedOrNone(t *testing.T) {
	for value, want := range map[string]int{"": 0, "A": 0, "B": 0, "a": 1} {
		if got := Choice(value, field.NewPath("spec", "type"), "A", "B"); len(got) != want {
			t.Errorf("%q: %v, want %d errors", value, got, want)
		}
	}
}
