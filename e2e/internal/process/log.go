// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"path/filepath"
	"strings"
)

func (p *Process) logPath() string {
	return filepath.Join(p.command.Directory, p.command.Name+".log")
}

// Log is all that the program has written so far, to both of its outputs. It says why if it cannot be read.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return "the log cannot be read: " + err.Error()
	}
	return string(text)
}

// LogTail is the last lines of Log.
func (p *Process) LogTail(lines int) string {
	all := strings.Split(strings.TrimRight(p.Log(), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
