// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// warnings remembers what the API server warned of.
type warnings struct {
	mu   sync.Mutex
	said []string
}

var _ rest.WarningHandlerWithContext = &warnings{}

// HandleWarningHeaderWithContext remembers one warning.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// forget forgets all of them.
func (w *warnings) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = nil
}

// heard reports whether one was about this field.
func (w *warnings) heard(field string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.said, func(text string) bool { return strings.HasPrefix(text, field+":") })
}
