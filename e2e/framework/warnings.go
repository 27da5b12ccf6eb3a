// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"sync"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Warnings collects the warnings that the API server sends.
type Warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader keeps a warning.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// Take returns the warnings since it was called last.
func (w *Warnings) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.said
	w.said = nil
	return out
}

// Hearing is a configuration of clients whose warnings are collected.
func (c *Cluster) Hearing() (*rest.Config, *Warnings) {
	config, said := rest.CopyConfig(c.Config), &Warnings{}
	config.WarningHandler = said
	return config, said
}

// EventNotes are the notes of the events of a reason about an object.
func (c *Cluster) EventNotes(ctx context.Context, about client.Object, reason string) ([]string, error) {
	list := &eventsv1.EventList{}
	if err := c.Client.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	var out []string
	for i := range list.Items {
		if e := &list.Items[i]; e.Regarding.UID == about.GetUID() && e.Reason == reason {
			out = append(out, e.Note)
		}
	}
	return out, nil
}
