// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// enforcedNamespace is where no Pod is created without its sidecars.
const enforcedNamespace = "enforced"

// guard is a set that some Pods cannot have.
func guard() *sidecar.Set {
	GinkgoHelper()
	set, err := sidecar.Compile(build.MakeSidecarSet("guard").Container("guard", "guard:1").Spec(func(s *v1beta1.SidecarSetSpec) {
		c := &s.Containers[0]
		c.Ports = []corev1.ContainerPort{{ContainerPort: 9100}}
		c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr.To[int64](1000), AllowPrivilegeEscalation: ptr.To(false)}
		c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("100Mi")}
	}).Obj())
	Expect(err).NotTo(HaveOccurred())
	return set
}

// misfit is a Pod that is valid without the sidecar.
type misfit struct {
	change func(*corev1.Pod)
	// why is a part of the reason. It is "" where the sidecar gets in.
	why string
	// everywhere is true when the sidecar is left out also where it need not be in.
	everywhere bool
}

// create has the API server create a Pod up to storing it.
func create(ctx context.Context, namespace string, change func(*corev1.Pod)) (*corev1.Pod, error) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{}}}
	p.Spec = corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](0), Containers: []corev1.Container{{Name: "app", Image: "app:1"}}}
	change(p)
	return p, k8s.Create(ctx, p, client.DryRunAll)
}

var _ = Describe("A Pod that cannot have its sidecar, or that its author wants to have without", func() {
	BeforeEach(func(ctx SpecContext) {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: enforcedNamespace, Labels: map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced}}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, object))).To(Succeed())
		injector.knowing([]*sidecar.Set{guard()})
		enforcer.knowing([]*sidecar.Set{guard()})
		warned()
	})

	fake := corev1.Container{Name: "guard", Image: "mine:1", Env: []corev1.EnvVar{{Name: v1beta1.SidecarInjectedEnv, Value: "true"}}}
	injected := func(p *corev1.Pod) *corev1.Pod {
		GinkgoHelper()
		out := p.DeepCopy()
		injection, err := sidecar.Inject(out, []*sidecar.Set{guard()}, metav1.Now())
		Expect(err).NotTo(HaveOccurred())
		injection.Apply(out)
		return out
	}

	DescribeTable("is created without it and a word, or refused by the set's name where injection is enforced:",
		func(ctx SpecContext, m misfit) {
			ordinary, err := create(ctx, "default", m.change)
			Expect(err).NotTo(HaveOccurred(), "where injection is not enforced, no Pod fails because of us")
			said := strings.Join(warned(), "\n")
			if m.everywhere {
				for _, c := range ordinary.Spec.Containers {
					Expect(c.Image).NotTo(Equal("guard:1"))
				}
				Expect(said).To(ContainSubstring("SidecarSet guard is not injected: "))
				Expect(said).To(ContainSubstring(m.why))
				Expect(ordinary.Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetOmittedAnnotation, ContainSubstring(`{"guard":{"reason":`)))
			}
			enforced, err := create(ctx, enforcedNamespace, m.change)
			if m.why != "" {
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				Expect(err).To(MatchError(And(ContainSubstring("SidecarSet guard is not injected: "), ContainSubstring(m.why), ContainSubstring("Namespace enforced takes no Pod"))))
				return
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(container(enforced, "guard").Image).To(Equal("guard:1"))
			Expect(enforced.Annotations).To(HaveKeyWithValue(v1beta1.SidecarSetInjectedListAnnotation, "guard"))
			Expect(enforced.Annotations).NotTo(HaveKey(v1beta1.SidecarSetOmittedAnnotation))
			Expect(envNames(container(enforced, "guard"))).To(Equal([]string{v1beta1.SidecarInjectedEnv}), "what others add to the sidecar is taken away")
			Expect(envNames(container(enforced, "app"))).To(ContainElement("NEIGHBOUR"), "what they add to the Pod's own stays")
		},
		Entry("an honest Pod", misfit{change: func(*corev1.Pod) {}}),
		Entry("the sidecar's port on the node", misfit{everywhere: true, why: `hostPort: Duplicate value: "TCP//9100"`, change: func(p *corev1.Pod) {
			p.Spec.HostNetwork, p.Spec.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 9100}}
		}}),
		Entry("Windows", misfit{everywhere: true, why: "cannot be set for a windows pod", change: func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }}),
		Entry("less for the Pod as a whole than the sidecar asks for", misfit{everywhere: true, why: "must be greater than or equal to aggregate container requests", change: func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}}
		}}),
		Entry("annotations that leave no room", misfit{everywhere: true, why: "metadata.annotations: Too long", change: func(p *corev1.Pod) { p.Annotations["a"] = strings.Repeat("x", 256<<10-400) }}),
		Entry("a container of the sidecar's name", misfit{everywhere: true, why: `its container "guard" has the name of a container of this Pod; rename one of the two`, change: func(p *corev1.Pod) { p.Spec.Containers[0].Name = "guard" }}),
		Entry("an init container of the sidecar's name", misfit{everywhere: true, why: "has the name of an init container of this Pod", change: func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{fake}
		}}),
		Entry("an opt-out by label", misfit{everywhere: true, why: "the Pod opts out", change: func(p *corev1.Pod) { p.Labels[v1beta1.SidecarInjectionKey] = "false" }}),
		Entry("an opt-out by annotation, with records", misfit{why: "the Pod opts out", change: func(p *corev1.Pod) {
			*p = *injected(p)
			p.Annotations[v1beta1.SidecarInjectionKey], p.Spec.Containers[0].Image = "false", "mine:1"
		}}),
		Entry("a phase", misfit{change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }}),
		Entry("a deletion", misfit{change: func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) }}),
		Entry("the label of our own Pods", misfit{change: func(p *corev1.Pod) { p.Labels["app.kubernetes.io/name"] = "windlass" }}),
		Entry("a fake that is marked", misfit{change: func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, fake) }}),
		Entry("a fake with honest records", misfit{change: func(p *corev1.Pod) {
			*p = *injected(p)
			p.Spec.Containers[0].Image = "mine:1"
		}}),
		Entry("a fake with honest records and a mark, and the command of another", misfit{change: func(p *corev1.Pod) {
			*p = *injected(p)
			p.Spec.Containers[0].Command = []string{"sleep"}
		}}),
		Entry("records alone", misfit{change: func(p *corev1.Pod) { p.Annotations = injected(p).Annotations }}),
		Entry("garbled records", misfit{change: func(p *corev1.Pod) { p.Annotations[v1beta1.SidecarSetHashAnnotation] = "{" }}),
		Entry("a claim that it was left out", misfit{change: func(p *corev1.Pod) {
			p.Annotations[v1beta1.SidecarSetOmittedAnnotation] = `{"guard":{"reason":"Canary","message":"x"}}`
		}}),
		Entry("a name that is yet to be made", misfit{change: func(p *corev1.Pod) { p.Name, p.GenerateName = "", "p-" }}),
	)
})
