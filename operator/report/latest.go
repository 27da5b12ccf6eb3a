// SPDX-License-Identifier: Apache-2.0

package report

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Latest remembers what was said last of each object, so that it is said once and not in each look. Its methods may be
// called from many goroutines.
type Latest struct {
	mu   sync.Mutex
	said map[types.NamespacedName]string
}

// NewLatest returns a Latest that has heard nothing yet.
func NewLatest() *Latest { return &Latest{said: map[types.NamespacedName]string{}} }

// News reports whether a text is not the one that was said last of an object, and remembers it. Where nothing is
// remembered, after a restart, before is what was said last.
func (l *Latest) News(object types.NamespacedName, text, before string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, known := l.said[object]; known {
		before = last
	}
	l.said[object] = text
	return before != text
}

// Forget drops an object that is gone.
func (l *Latest) Forget(object types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.said, object)
}
