// SPDX-License-Identifier: Apache-2.0

package testing

import "sync"

// Warnings collects the warnings that an API server sends.
type Warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader keeps a warning.
func (w *Warnings) HandleWarningHeader(code int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code == 299 {
		w.said = append(w.said, text)
	}
}

// Take returns the warnings since it was called last, as they came.
func (w *Warnings) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.said
	w.said = nil
	return out
}
