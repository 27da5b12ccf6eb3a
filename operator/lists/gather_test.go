// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/windlass-operator/windlass/internal/podcache"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/operator/lists"
	"github.com/windlass-operator/windlass/operator/sidecarset"
	"github.com/windlass-operator/windlass/program"
)

// api is an API server that answers page by page, and that has no right for some kinds.
type api struct {
	client.Client
	denied map[string]bool
	asked  []string
}

func (a *api) asks(verb string, object any, all bool) error {
	kind := reflect.TypeOf(object).Elem().Name()
	a.asked = append(a.asked, verb+" "+kind)
	if a.denied[verb+" "+kind] || a.denied[verb+" "+kind+" of all"] && all {
		return apierrors.NewForbidden(schema.GroupResource{Resource: kind}, "", errors.New("no role"))
	}
	return nil
}

// newReader reads these objects; at most two are in a page.
func newReader(t *testing.T, denied map[string]bool, objects ...client.Object) (*lists.Reader, *api) {
	t.Helper()
	a := &api{denied: denied}
	a.Client = fake.NewClientBuilder().WithScheme(program.Scheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked := (&client.ListOptions{}).ApplyOptions(options)
			if err := a.asks("list", list, asked.Namespace == ""); err != nil {
				return err
			}
			if asked.FieldSelector != nil || asked.LabelSelector != nil {
				t.Errorf("the API server was asked by %s %s", asked.FieldSelector, asked.LabelSelector)
			}
			if err := c.List(ctx, list, client.InNamespace(asked.Namespace)); err != nil {
				return err
			}
			if pods, is := list.(*corev1.PodList); is {
				page(pods, asked.Continue)
			}
			return nil
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
			if err := a.asks("get", into, false); err != nil {
				return err
			}
			return c.Get(ctx, key, into)
		},
	}).Build()
	r, err := lists.NewReader(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return r, a
}

func page(pods *corev1.PodList, from string) {
	first := 0
	_, _ = fmt.Sscan(from, &first)
	last := min(first+2, len(pods.Items))
	if last < len(pods.Items) {
		pods.Continue = fmt.Sprint(last)
	}
	pods.Items = pods.Items[first:last]
}

func names(t *testing.T, r client.Reader, options ...client.ListOption) (out []string) {
	t.Helper()
	list := &corev1.PodList{}
	if err := r.List(t.Context(), list, options...); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		out = append(out, list.Items[i].Name)
	}
	return out
}

func TestPodsAreFoundByIndexesAndReadOnce(t *testing.T) {
	owned := build.MakePod("web-0").Namespace("shop").Label("app", "web").Annotation(podcache.DroppedAnnotation, "{}").Obj()
	owned.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "web", UID: "u", Controller: ptr.To(true)}}
	orphan, other := build.MakePod("web-1").Namespace("shop").Label("app", "web").Obj(), build.MakePod("db").Namespace("bank").Obj()
	r, a := newReader(t, nil, owned, orphan, other)
	for name, test := range map[string]struct {
		by   []client.ListOption
		want []string
	}{
		"all":              {nil, []string{"db", "web-0", "web-1"}},
		"by namespace":     {[]client.ListOption{client.InNamespace("bank")}, []string{"db"}},
		"by controller":    {[]client.ListOption{client.InNamespace("shop"), client.MatchingFields{podcache.ControllerIndex: "u"}}, []string{"web-0"}},
		"by whose it is":   {[]client.ListOption{client.MatchingFields{podcache.OrphanIndex: "web"}}, []string{"web-1"}},
		"by a label":       {[]client.ListOption{client.MatchingFields{sidecarset.PodLabelIndex: "app=web"}}, []string{"web-0", "web-1"}},
		"by another label": {[]client.ListOption{client.MatchingFields{sidecarset.PodLabelIndex: "app=db"}}, nil},
		"by labels":        {[]client.ListOption{client.MatchingLabels{"app": "web"}}, []string{"web-0", "web-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "all" {
				names(t, r)
			}
			if diff := cmp.Diff(test.want, names(t, r, test.by...)); diff != "" {
				t.Errorf("Pods (-want +got):\n%s", diff)
			}
		})
	}
	pod := &corev1.Pod{}
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(owned), pod); err != nil {
		t.Fatal(err)
	}
	if _, kept := pod.Annotations[podcache.DroppedAnnotation]; kept {
		t.Errorf("the cache would not keep that: %v", pod.Annotations)
	}
	if err := r.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "none"}, pod); !apierrors.IsNotFound(err) {
		t.Errorf("a Pod that is in no list: %v", err)
	}
	if diff := cmp.Diff([]string{"list PodList", "list PodList"}, a.asked); diff != "" { // two pages
		t.Errorf("what was asked (-want +got):\n%s", diff)
	}
	if err := r.List(t.Context(), &corev1.PodList{}, client.MatchingFields{"no": "index"}); err == nil {
		t.Error("Pods were found by an index that there is not")
	}
}

func TestWhatMayNotBeReadIsDoneWithout(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	r, _ := newReader(t, map[string]bool{"list NodeList": true, "list NamespaceList": true, "list ControllerRevisionList": true}, node, namespace)
	if err := r.List(t.Context(), &corev1.NodeList{}); err != nil {
		t.Error(err)
	}
	if err := r.Get(t.Context(), client.ObjectKey{Name: "n"}, &corev1.Node{}); !apierrors.IsNotFound(err) {
		t.Errorf("a node is not known where nodes may not be listed: %v", err)
	}
	if err := r.Get(t.Context(), client.ObjectKey{Name: "shop"}, &corev1.Namespace{}); err != nil {
		t.Errorf("a namespace is read by its name where all may not be listed: %v", err)
	}
	if err := r.List(t.Context(), &appsv1.ControllerRevisionList{}); !apierrors.IsForbidden(err) {
		t.Errorf("nothing is known without the revisions: %v", err)
	}
	const want = "you may not list nodes, so what depends on them and on their kubelets is not known: NodeList is forbidden: no role"
	if unread := r.Unread(); len(unread) != 1 || unread[0].Error() != want {
		t.Errorf("unread: %v, want %s", unread, want)
	}
}

// A set of one namespace is for those who may read that alone.
func TestPodsOfOneNamespaceAreEnoughForThat(t *testing.T) {
	denied := map[string]bool{"list PodList of all": true}
	here, there := build.MakePod("web").Namespace("shop").Obj(), build.MakePod("db").Namespace("bank").Obj()
	r, _ := newReader(t, denied, here, there)
	if err := r.List(t.Context(), &corev1.PodList{}); !apierrors.IsForbidden(err) {
		t.Errorf("nothing is known before any namespace was read: %v", err)
	}
	for _, by := range [][]client.ListOption{{client.InNamespace("shop")}, nil} {
		if diff := cmp.Diff([]string{"web"}, names(t, r, by...)); diff != "" {
			t.Errorf("Pods (-want +got):\n%s", diff)
		}
	}
	const want = "you may not list the Pods of all namespaces, so others are left out: PodList is forbidden: no role"
	if unread := r.Unread(); len(unread) != 1 || unread[0].Error() != want {
		t.Errorf("unread: %v, want %s", unread, want)
	}
}

// What is known of some namespaces is not taken for all that there is: the answer is the same whatever was asked before.
func TestAPartOfTheNamespacesIsNoListOfAll(t *testing.T) {
	denied := map[string]bool{
		"list PodList of all": true, "list ControllerRevisionList of all": true, "list PodDisruptionBudgetList of all": true,
	}
	in := func(namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: namespace}
	}
	r, _ := newReader(t, denied,
		build.MakePod("web").Namespace("shop").Obj(), build.MakePod("db").Namespace("bank").Obj(),
		&appsv1.ControllerRevision{ObjectMeta: in("shop")}, &policyv1.PodDisruptionBudget{ObjectMeta: in("bank")})
	revisions := &appsv1.ControllerRevisionList{}
	if err := r.List(t.Context(), revisions, client.InNamespace("shop")); err != nil || len(revisions.Items) != 1 {
		t.Errorf("the revisions of a namespace: %v, %v", revisions.Items, err)
	}
	for range 2 {
		if err := r.List(t.Context(), &appsv1.ControllerRevisionList{}); !apierrors.IsForbidden(err) {
			t.Errorf("revisions of one namespace stand in for those of another: %v", err)
		}
	}
	names(t, r, client.InNamespace("shop"))
	if diff := cmp.Diff([]string{"web"}, names(t, r)); diff != "" {
		t.Errorf("Pods of all namespaces (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"db"}, names(t, r, client.InNamespace("bank"))); diff != "" {
		t.Errorf("Pods of a namespace that was read later (-want +got):\n%s", diff)
	}
	names(t, r)
	if err := r.Get(t.Context(), client.ObjectKey{Namespace: "bank", Name: "db"}, &corev1.Pod{}); err != nil {
		t.Error(err)
	}
	budgets := &policyv1.PodDisruptionBudgetList{}
	if err := r.List(t.Context(), budgets); err != nil {
		t.Error(err)
	}
	if err := r.List(t.Context(), budgets, client.InNamespace("bank")); err != nil || len(budgets.Items) != 1 {
		t.Errorf("the budgets of a namespace: %v, %v", budgets.Items, err)
	}
	if unread := r.Unread(); len(unread) != 2 {
		t.Errorf("each is to be said once: %v", unread)
	}
}
