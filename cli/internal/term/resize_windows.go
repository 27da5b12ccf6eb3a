// SPDX-License-Identifier: Apache-2.0

package term

import "os"

// notifyResized does nothing: the next frame is drawn to the new size.
func notifyResized(chan<- os.Signal) {}
