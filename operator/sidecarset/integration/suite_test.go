// SPDX-License-Identifier: Apache-2.0

// Package integration runs the SidecarSet controller against a real API server. The tests play the kubelet.
package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/operator/sidecarset"
)

const patience = 20 * time.Second

var (
	k8s      client.Client
	refusals apiserver.Refusals
)

func TestSidecarSetController(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The SidecarSet controller on a real API server")
}

var _ = BeforeSuite(func() {
	server := apiserver.Start(nil)
	k8s = server.Client
	apiserver.AddNode(context.Background(), k8s, "node-1", nil) // the API server resizes no Pod of a node that it does not know
	DeferCleanup(apiserver.RunDisruptionController(server.Config))
	config := rest.CopyConfig(server.Config)
	config.Wrap(refusals.Between)
	DeferCleanup(apiserver.RunOperator(config, func(ctx context.Context, mgr manager.Manager) error {
		return sidecarset.Add(ctx, mgr, sidecarset.Options{
			Workers: 2, Namespace: "default", CanResize: true, ExcludedNamespaces: []string{"kube-system"},
		})
	}))
})

// fixture is a SidecarSet for the Pods of a namespace of its own.
type fixture struct {
	set       *v1beta1.SidecarSet
	namespace string
	// revision is what new Pods say that they were injected with, "" for none.
	revision string
}

var fixtures int

// newFixture creates a SidecarSet with one sidecar, agent, at agent:1.
func newFixture(ctx context.Context, change func(*build.SidecarSetBuilder)) *fixture {
	GinkgoHelper()
	fixtures++
	f := &fixture{namespace: fmt.Sprintf("ns-%d", fixtures)}
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.namespace}})).To(Succeed())
	builder := build.MakeSidecarSet(f.namespace).Container("agent", "agent:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: f.namespace}}
	})
	if change != nil {
		change(builder)
	}
	f.set = builder.Obj()
	f.set.ObjectMeta = metav1.ObjectMeta{Name: f.namespace}
	Expect(k8s.Create(ctx, f.set)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, f.set))).To(Succeed()) })
	return f
}

// pod creates a Pod as the webhook would let it in, or without the sidecars.
func (f *fixture) pod(ctx context.Context, name string, injected bool) *corev1.Pod {
	GinkgoHelper()
	pod := f.newPod(name, injected)
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	f.kubelet(ctx, name)
	return pod
}

func (f *fixture) newPod(name string, injected bool) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	if injected {
		set, err := sidecar.Compile(f.set)
		Expect(err).NotTo(HaveOccurred())
		injection, err := sidecar.Inject(pod, []*sidecar.Set{set.WithRevision(f.revision)}, metav1.Now())
		Expect(err).NotTo(HaveOccurred())
		injection.Apply(pod)
	}
	return pod
}

// kubelet runs what the Pod's spec says.
func (f *fixture) kubelet(ctx context.Context, name string) {
	GinkgoHelper()
	pod := f.get(ctx, name)
	build.RunContainers(pod)
	build.SetReady(pod, true, time.Now())
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

func (f *fixture) get(ctx context.Context, name string) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: name}, pod)).To(Succeed())
	return pod
}

// image changes the sidecar's image in the set.
func (f *fixture) image(ctx context.Context, image string) {
	GinkgoHelper()
	f.change(ctx, func(s *v1beta1.SidecarSetSpec) { s.Containers[0].Image = image })
}

func (f *fixture) change(ctx context.Context, change func(*v1beta1.SidecarSetSpec)) {
	GinkgoHelper()
	before := f.set.DeepCopy()
	change(&f.set.Spec)
	Expect(k8s.Patch(ctx, f.set, client.MergeFrom(before))).To(Succeed())
}

// updated counts the Pods whose agent has this image.
func (f *fixture) updated(ctx context.Context, image string) func() int {
	return func() int {
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(f.namespace))).To(Succeed())
		n := 0
		for i := range pods.Items {
			for _, c := range pods.Items[i].Spec.Containers {
				if c.Name == "agent" && c.Image == image {
					n++
				}
			}
		}
		return n
	}
}

// status reads the set's status once the controller has seen its last change.
func (f *fixture) status(ctx context.Context) func(Gomega) v1beta1.SidecarSetStatus {
	return func(g Gomega) v1beta1.SidecarSetStatus {
		set := &v1beta1.SidecarSet{}
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(f.set), set)).To(Succeed())
		g.Expect(set.Status.ObservedGeneration).To(Equal(set.Generation), "the controller has not seen the last change")
		return set.Status
	}
}
