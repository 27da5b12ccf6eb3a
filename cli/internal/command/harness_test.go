// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/api/v1beta1"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/program"
)

// now is ten minutes after everything was created.
var now = build.Epoch.Add(10 * time.Minute)

func ago(d time.Duration) *metav1.Time {
	at := metav1.NewTime(now.Add(-d))
	return &at
}

// world is a cluster with objects in it.
type world struct {
	client.Client
	t *testing.T
	// in is what stands on the standard input.
	in string
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	return newWorldWith(t, interceptor.Funcs{}, objects...)
}

// newWorldWith is one whose answers are another's.
func newWorldWith(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *world {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	client := fake.NewClientBuilder().WithScheme(program.Scheme()).WithInterceptorFuncs(funcs).WithReturnManagedFields().
		WithObjects(objects...).Build()
	return &world{Client: client, t: t}
}

// result is what a command line led to.
type result struct {
	Out, Err string
	Code     int
}

// run runs a command line.
func (w *world) run(line string) result {
	w.t.Helper()
	var out, errOut bytes.Buffer
	code := Run(w.t.Context(), Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(w.in), Out: &out, ErrOut: &errOut},
		Now:       func() time.Time { return now },
		Connect:   func(*genericclioptions.ConfigFlags, io.Writer) (client.Client, error) { return w.Client, nil },
		CanResize: func(context.Context, *genericclioptions.ConfigFlags) (bool, error) { return true, nil },
	}, strings.Fields(line))
	return result{out.String(), errOut.String(), code}
}

// given puts something on the standard input.
func (w *world) given(in string) *world {
	w.in = in
	return w
}

func (w *world) check(line string, want result) {
	w.t.Helper()
	want.Out, want.Err = strings.TrimPrefix(want.Out, "\n"), strings.TrimPrefix(want.Err, "\n")
	if diff := cmp.Diff(want, w.run(line)); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

// condition is one of an object's conditions.
func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(build.Epoch)}
}

func ready(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return condition(v1beta1.ConditionReady, status, reason, message)
}
