// SPDX-License-Identifier: Apache-2.0

package program

import (
	"flag"
	"regexp"
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	defer func(before string) { Version = before }(Version)
	Version = "1.2.3"
	want := regexp.MustCompile(`^windlass operator 1\.2\.3(, commit [0-9a-f]+( with changes)?)?, go[^ ]+ [a-z0-9]+/[a-z0-9]+$`)
	if got := Describe("operator"); !want.MatchString(got) {
		t.Errorf("%q does not match %s", got, want)
	}
}

func TestTheCommitIsNamedWhereTheBuildKnowsIt(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	for name, test := range map[string]struct {
		settings []debug.BuildSetting
		want     string
	}{
		"not known":         {[]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, ""},
		"known":             {[]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}, ", commit abc"},
		"of changed source": {[]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, revision}, ", commit abc with changes"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := commitIn(test.settings); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestBothProgramsTellTheirVersion(t *testing.T) {
	var o Options
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse([]string{"--version"}); err != nil || !o.ShowVersion {
		t.Errorf("--version is read as %t: %v", o.ShowVersion, err)
	}
}
