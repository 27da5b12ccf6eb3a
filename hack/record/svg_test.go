// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpans(t *testing.T) {
	for line, want := range map[string]string{
		"plain  ":                        "plain",
		"a <b> & c":                      "a &lt;b&gt; &amp; c",
		"web-0   \x1b[32mready\x1b[0m":   `web-0   <tspan class="good">ready</tspan>`,
		"\x1b[31mbad\x1b[39m then plain": `<tspan class="bad">bad</tspan> then plain`,
		"\x1b[35munknown\x1b[0m":         "unknown",
	} {
		if diff := cmp.Diff(want, spans(line)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

func TestAddJoinsEqualScreens(t *testing.T) {
	var frames []frame
	for _, screen := range []string{"", "a", "a", "b"} {
		frames = add(frames, screen)
	}
	want := []frame{{"a", 2 * every}, {"b", every}}
	if diff := cmp.Diff(want, frames, cmp.AllowUnexported(frame{})); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

func TestFramesFollowEachOther(t *testing.T) {
	got := drawing{columns: 10, rows: 2, longest: time.Second}.of([]frame{{"a", time.Second}, {"b", 5 * time.Second}})
	for _, want := range []string{
		"@keyframes k0{0.00%{visibility:visible}50.00%,100%{visibility:hidden}}",
		"@keyframes k1{0%{visibility:hidden}50.00%{visibility:visible}100.00%,100%{visibility:hidden}}",
		"#f1{visibility:visible}",
		`<text x="14" y="27">a</text>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}
