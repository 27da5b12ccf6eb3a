// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	build "github.com/windlass-operator/windlass/internal/testing"
)

// Hearing is a configuration of clients whose warnings are collected.
func (c *Cluster) Hearing() (*rest.Config, *build.Warnings) {
	config, said := rest.CopyConfig(c.Config), &build.Warnings{}
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
