// SPDX-License-Identifier: Apache-2.0

// Package doctor says whether this machine can run real nodes, and if not, exactly why.
package doctor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// requirement is a Debian package and how to tell that its content is there, however it was installed.
type requirement struct {
	name    string
	present func() bool
}

var requirements = []requirement{
	{"gcc", command("gcc")},
	{"libc6-dev", anyFile("/usr/include/stdio.h")},
	{"libseccomp-dev", anyFile("/usr/include/seccomp.h", "/usr/local/include/seccomp.h")},
	{"nftables", command("nft")},
	{"pkg-config", command("pkg-config")},
	{"util-linux", command("mount")},
}

// Packages are the names of all Debian packages that building and running real nodes need.
func Packages() []string {
	names := make([]string, 0, len(requirements))
	for _, r := range requirements {
		names = append(names, r.name)
	}
	return names
}

func command(name string) func() bool {
	return func() bool {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
		// The path of an ordinary user often lacks these.
		return anyFile(filepath.Join("/usr/sbin", name), filepath.Join("/sbin", name))()
	}
}

func anyFile(paths ...string) func() bool {
	return func() bool {
		for _, p := range paths {
			if _, err := os.Stat(p); err == nil {
				return true
			}
		}
		return false
	}
}

// missingPackages is one sentence that names all of them and the command that helps; empty if nothing is missing.
func missingPackages(requirements []requirement) string {
	var missing []string
	for _, r := range requirements {
		if !r.present() {
			missing = append(missing, r.name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	names := strings.Join(missing, " ")
	return fmt.Sprintf("Debian packages are missing: %s. Install them with: apt-get update && apt-get install -y --no-install-recommends %s", names, names)
}
