// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestDeleteAllAsksUntilAllIsDeleted(t *testing.T) {
	late := apierrors.NewTimeoutError("the server was unable to return a response in the time allotted", 0)
	ended := &url.Error{Op: "Delete", URL: "https://127.0.0.1/api/v1/pods", Err: http2.StreamError{StreamID: 7, Code: http2.ErrCodeInternal}}
	refused := errors.New("refused")
	cases := map[string]struct {
		answers []error
		want    error
	}{
		"at once":       {[]error{nil}, nil},
		"after timeout": {[]error{late, late, nil}, nil},
		"cut off":       {[]error{ended, nil}, nil},
		"refused":       {[]error{late, refused}, refused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				answering := answeringDeletions(func() error { asked++; return c.answers[asked-1] })
				if err := DeleteAll(t.Context(), answering, &corev1.Pod{}); !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if asked != len(c.answers) {
					t.Errorf("asked %d times, want %d", asked, len(c.answers))
				}
			})
		})
	}
}

func TestDeleteAllEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	late := answeringDeletions(func() error { cancel(); return apierrors.NewTimeoutError("late", 0) })
	if err := DeleteAll(ctx, late, &corev1.Pod{}); !errors.Is(err, context.Canceled) || !apierrors.IsTimeout(err) {
		t.Errorf("error %v, want both that the context has ended and the API server's answer", err)
	}
}

// answeringDeletions is a client that deletes nothing.
func answeringDeletions(answer func() error) client.Client {
	return fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		DeleteAllOf: func(context.Context, client.WithWatch, client.Object, ...client.DeleteAllOfOption) error {
			return answer()
		},
	}).Build()
}
