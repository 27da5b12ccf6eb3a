// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings remembers what the API server warned of. It is for one client at a time.
type Warnings struct {
	mu   sync.Mutex
	said []string
}

var _ rest.WarningHandlerWithContext = &Warnings{}

// HandleWarningHeaderWithContext remembers one warning.
func (w *Warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// forget forgets all of them.
func (w *Warnings) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = nil
}

// heard reports whether one was about this field.
func (w *Warnings) heard(field string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.said, func(text string) bool { return strings.HasPrefix(text, field+":") })
}
