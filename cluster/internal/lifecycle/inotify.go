// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	// inotifyInstances is the file with how many inotify instances all processes of one user may have.
	inotifyInstances = "/proc/sys/fs/inotify/max_user_instances"
	// wantedInotifyInstances is enough for a dozen clusters: a node takes about 20, and programs whose watch is refused
	// end with "too many open files", which tells nobody what is missing.
	wantedInotifyInstances = 1024
)

// raiseInotifyInstances lets a machine run more than two clusters; Linux' own limit is 128. What is raised stays so
// until the machine is started anew, since other clusters may need it when this one goes. It returns the value before,
// 0 if nothing was changed: without being root nothing can be, and with few programs nothing has to be.
func raiseInotifyInstances(file string) (before int) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	before, err = strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || before >= wantedInotifyInstances {
		return 0
	}
	if os.WriteFile(file, fmt.Appendf(nil, "%d\n", wantedInotifyInstances), 0o644) != nil {
		return 0
	}
	return before
}
