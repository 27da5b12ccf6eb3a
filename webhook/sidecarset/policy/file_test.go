// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func word(content []byte) (string, error) {
	if strings.Contains(string(content), " ") {
		return "", errors.New("more than one word")
	}
	return string(content), nil
}

func TestFile(t *testing.T) {
	type answer struct{ Value, Error string }
	type step struct {
		// content is written first; "-" removes the file.
		content string
		want    answer
	}
	path := filepath.Join(t.TempDir(), "file")
	missing := "open " + path + ": no such file or directory"
	for name, test := range map[string]struct {
		file  *File[string]
		steps []step
	}{
		"it is read again when it changes": {NewFile(path, word), []step{
			{"one", answer{"one", ""}}, {"two", answer{"two", ""}}}},
		"a mistake leaves the value before": {NewFile(path, word), []step{
			{"one", answer{"one", ""}}, {"a b", answer{"one", path + ": more than one word"}},
			{"a b", answer{"one", path + ": more than one word"}}, {"two", answer{"two", ""}}}},
		"a file that goes away leaves the value before": {NewFile(path, word), []step{
			{"-", answer{"", missing}}, {"one", answer{"one", ""}}, {"-", answer{"one", missing}}}},
		"an optional file that is not there is empty": {NewOptionalFile(path, word), []step{
			{"-", answer{"", ""}}, {"one", answer{"one", ""}}, {"-", answer{"", ""}}}},
		"no path is an empty file": {NewFile("", word), []step{{"one", answer{"", ""}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, step := range test.steps {
				if step.content == "-" {
					_ = os.Remove(path)
				} else if err := os.WriteFile(path, []byte(step.content), 0o600); err != nil {
					t.Fatal(err)
				}
				got := answer{}
				value, err := test.file.Value()
				if got.Value = value; err != nil {
					got.Error = err.Error()
				}
				if diff := cmp.Diff(step.want, got); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}
