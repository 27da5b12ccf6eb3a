// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package term

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResized tells of changes of the terminal's size.
func notifyResized(tell chan<- os.Signal) { signal.Notify(tell, syscall.SIGWINCH) }
