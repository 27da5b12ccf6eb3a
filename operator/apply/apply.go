// Package apply holds what every controller's executor needs to carry out a
// plan: batches, the meaning of refusals, and the write of a status.
package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Each carries actions out in batches of 1, 2, 4, ... up to parallel, so that
// the API server is not met by all at once. One refused action does not stop
// the others. done is called for one after the other; after ctx has ended no
// further batch begins.
func Each[T any](ctx context.Context, parallel int, actions []T, act func(context.Context, T) error, done func(T, error)) {
	for size := 1; len(actions) > 0 && ctx.Err() == nil; size = min(2*size, parallel) {
		batch := actions[:min(size, len(actions))]
		actions = actions[len(batch):]
		errs := make([]error, len(batch))
		var wait sync.WaitGroup
		for i := range batch {
			wait.Go(func() { errs[i] = act(ctx, batch[i]) })
		}
		wait.Wait()
		for i := range batch {
			done(batch[i], errs[i])
		}
	}
}

// IsStale tells whether a write failed because the object is gone, or is not
// what the snapshot said: the API server answers a failed JSON patch test with
// Invalid and no field causes.
func IsStale(err error) bool {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	status := apierrors.APIStatus(nil)
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || len(details.Causes) == 0
}

// Wrap says what an error, if there is one, was met in.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Status writes the difference between the status of two states of an object,
// and tells whether there was one.
func Status(ctx context.Context, writer client.SubResourceWriter, before, after client.Object) (bool, error) {
	patch := client.MergeFrom(before)
	data, err := patch.Data(after)
	if err != nil {
		return false, fmt.Errorf("encode the status: %w", err)
	}
	if string(data) == "{}" {
		return false, nil
	}
	err = writer.Patch(ctx, after, client.RawPatch(patch.Type(), data))
	return err == nil, err
}
