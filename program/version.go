// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is the release, set when the program is linked.
var Version = "dev"

// Describe is what --version prints: the release, the commit where the build has recorded one, and what it was built
// with and for.
func Describe(name string) string {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = commitIn(info.Settings)
	}
	return fmt.Sprintf("windlass %s %s%s, %s %s/%s", name, Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commitIn finds the commit among the settings of a build, and whether the sources had changed since.
func commitIn(settings []debug.BuildSetting) string {
	commit, changed := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = ", commit " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
