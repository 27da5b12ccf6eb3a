// SPDX-License-Identifier: Apache-2.0

// Package world makes what the benchmarks measure: simulated nodes with room, Pods that become ready at once, and a
// plain client that does without us what we are held against.
package world

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// plainNamespace and plainName are those of the plain client's account.
	plainNamespace, plainName = "bench-client", "plain"
	// tokenSeconds is how long its token is valid: longer than any run.
	tokenSeconds = 24 * 60 * 60
)

// World is a cluster that is made ready for benchmarks.
type World struct {
	Cluster *framework.Cluster
	// Plain is what a plain client writes with. It has an account of Pods like our programs, so that the API server treats
	// it alike: the same priority and fairness, the same audit log. Its requests are not limited on this side.
	Plain client.Client
	// PlainConfig is for further clients of the same account.
	PlainConfig *rest.Config
}

// New makes the plain client's account. When it cannot, nothing is left of it.
func New(ctx context.Context, cluster *framework.Cluster) (*World, error) {
	w := &World{Cluster: cluster}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close(ctx))
	}
	return w, nil
}

// Close takes away the account, whose rights are all there are, and all simulated nodes of the benchmark. It also does so
// when the context has ended, and goes on after an error.
func (w *World) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	var errs []error
	for _, object := range slices.Backward(plainAccount()) {
		if _, is := object.(*corev1.Namespace); !is { // that one takes its time: Remove waits for it
			errs = append(errs, client.IgnoreNotFound(w.Cluster.Client.Delete(ctx, object)))
		}
	}
	errs = append(errs,
		framework.DeleteAll(ctx, w.Cluster.Client, &corev1.Node{}, client.MatchingLabels{nodeLabel: "true"}),
		w.Remove(ctx, plainNamespace))
	return errors.Join(errs...)
}

func (w *World) open(ctx context.Context) error {
	cluster := w.Cluster
	for _, object := range plainAccount() {
		if err := cluster.Client.Create(ctx, object); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("make the plain client's account: %w", err)
		}
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](tokenSeconds)}}
	answer, err := cluster.Clientset.CoreV1().ServiceAccounts(plainNamespace).CreateToken(ctx, plainName, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("ask for the plain client's token: %w", err)
	}
	w.PlainConfig = rest.AnonymousClientConfig(cluster.Config)
	w.PlainConfig.BearerToken = answer.Status.Token
	w.PlainConfig.QPS, w.PlainConfig.UserAgent = -1, "windlass-bench-plain"
	if w.Plain, err = client.New(w.PlainConfig, client.Options{Scheme: framework.Scheme()}); err != nil {
		return fmt.Errorf("make the plain client: %w", err)
	}
	return nil
}

func plainAccount() []client.Object {
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: plainNamespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: plainNamespace, Name: plainName}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: plainNamespace},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: plainNamespace, Name: plainName}},
		},
	}
}
