// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/http2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DeleteAll starts the deletion of all objects that the options choose. An API server gives up on a collection after a
// minute, with an answer or by ending the stream, and what it has deleted by then is gone: so it is asked again, until it
// has come to the end or the context has ended.
func DeleteAll(ctx context.Context, c client.Client, kind client.Object, options ...client.DeleteAllOfOption) error {
	for {
		err := c.DeleteAllOf(ctx, kind, options...)
		if !apierrors.IsTimeout(err) && !apierrors.IsServerTimeout(err) && !errors.As(err, &http2.StreamError{}) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(pollInterval):
		}
	}
}
