// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// mostDeleted is how many deleted objects are remembered.
const mostDeleted = 1024

// Seen are the versions of objects that a watch has brought, deletions included. It is safe for concurrent use.
type Seen struct {
	mu sync.Mutex
	// versions are those of the objects that there are, deleted those of the deletions of others: an object may go
	// while somebody waits for it.
	versions, deleted map[string]string
	// news is closed, and replaced, whenever something is noted.
	news chan struct{}
}

// NewSeen has seen nothing.
func NewSeen() *Seen {
	return &Seen{versions: map[string]string{}, deleted: map[string]string{}, news: make(chan struct{})}
}

// Note takes in an object as the watch brought it. It is called after whatever serves requests knows the object.
func (s *Seen) Note(object metav1.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.deleted, object.GetName())
	s.versions[object.GetName()] = object.GetResourceVersion()
	s.announce()
}

// NoteDeleted takes in the last state of an object that is gone.
func (s *Seen) NoteDeleted(object metav1.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.deleted) >= mostDeleted {
		clear(s.deleted) // whoever waits for one of them waits too long, and tries again
	}
	delete(s.versions, object.GetName())
	s.deleted[object.GetName()] = object.GetResourceVersion()
	s.announce()
}

// announce wakes all that wait. s.mu is held.
func (s *Seen) announce() {
	close(s.news)
	s.news = make(chan struct{})
}

// wait returns when everything was seen in the version given or a later one.
func (s *Seen) wait(ctx context.Context, wanted map[string]string) error {
	for {
		unseen, news := s.lacks(wanted)
		if unseen == "" {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("SidecarSet %s has changed, and this replica has not heard of it: %w", unseen, ctx.Err())
		}
	}
}

// lacks names one object that was not seen as it is wanted, "" when there is none. What it returns beside it is closed
// at the next news.
func (s *Seen) lacks(wanted map[string]string) (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, version := range wanted {
		seen, ok := s.versions[name]
		if !ok {
			seen = s.deleted[name]
		}
		if !reaches(seen, version) {
			return name, s.news
		}
	}
	return "", s.news
}

// reaches reports whether a resource version is the wanted one or a later one. Those that cannot be compared do so when
// they are equal.
func reaches(seen, wanted string) bool {
	if seen == wanted {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(seen, wanted)
	return err == nil && order >= 0
}
