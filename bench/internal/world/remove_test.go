// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/e2e/framework"
)

var errRefused = errors.New("refused")

// stubborn is a world with these objects, whose API server refuses to delete those of these names.
func stubborn(objects []client.Object, names ...string) *World {
	refuse := interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if slices.Contains(names, object.GetName()) {
				return errRefused
			}
			return c.Delete(ctx, object, options...)
		},
	}
	c := fake.NewClientBuilder().WithScheme(framework.Scheme()).WithObjects(objects...).WithInterceptorFuncs(refuse).Build()
	return &World{Cluster: &framework.Cluster{Client: c}}
}

func namespaceNamed(name string) client.Object {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// interrupted is a context that has ended.
func interrupted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// left are the names of what is there still.
func left(t *testing.T, w *World) []string {
	t.Helper()
	var out []string
	lists := []client.ObjectList{&corev1.NamespaceList{}, &corev1.NodeList{}, &corev1.ServiceAccountList{}, &rbacv1.ClusterRoleBindingList{}}
	for _, list := range lists {
		if err := w.Cluster.Client.List(context.Background(), list); err != nil {
			t.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			out = append(out, item.(client.Object).GetName())
		}
	}
	return out
}

func TestRemoveGoesOnWithTheOthers(t *testing.T) {
	w := stubborn([]client.Object{namespaceNamed("a"), namespaceNamed("b"), namespaceNamed("c")}, "a")
	if err := w.Remove(interrupted(), "a", "b", "c"); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want %v", err, errRefused)
	}
	if diff := cmp.Diff([]string{"a"}, left(t, w)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestRemoveNodesGoesOnWithTheOthers(t *testing.T) {
	var nodes []*corev1.Node
	var objects []client.Object
	var refused []string
	for i := range 2 * plainWorkers {
		nodes = append(nodes, node(i, 1))
		objects = append(objects, nodes[i])
		if i < plainWorkers {
			refused = append(refused, nodes[i].Name)
		}
	}
	w := stubborn(objects, refused...)
	if err := w.RemoveNodes(interrupted(), nodes); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want %v", err, errRefused)
	}
	slices.Sort(refused)
	if diff := cmp.Diff(refused, left(t, w)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestCloseTakesAwayItsOwnAlone(t *testing.T) {
	others := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "real"}}
	objects := append(plainAccount(), node(0, 1), node(1, 1), others, namespaceNamed("others"))
	cases := map[string]struct {
		refused []string
		want    []string
	}{
		"all goes":               {nil, []string{"others", "real"}},
		"it goes on after one":   {[]string{plainName}, []string{"others", "real", plainName}},
		"of the cluster's roles": {[]string{plainNamespace}, []string{plainNamespace, "others", "real", plainNamespace}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := stubborn(objects, c.refused...)
			if err := w.Close(interrupted()); errors.Is(err, errRefused) != (c.refused != nil) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(c.want, left(t, w)); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}
