// SPDX-License-Identifier: Apache-2.0

package shorten

import "testing"

func TestTo(t *testing.T) {
	for name, test := range map[string]struct{ got, want string }{
		"a text that fits":         {To("12345", 5), "12345"},
		"a text that does not":     {To("123456", 5), "12..."},
		"a character is not split": {To("aéééé", 5), "a..."},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", name, test.got, test.want)
		}
	}
}
