// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// legacy is a namespace with what OpenKruise left in one.
type legacy struct {
	fixture
	sets []*unstructured.Unstructured
}

// leave puts the recorded StatefulSets of a phase, their Pods and revisions, into a namespace, statuses included, as
// bytes on the wire: with everything that today's types would drop. Every update began just now.
func leave(ctx context.Context, phase string) *legacy {
	GinkgoHelper()
	l := &legacy{fixture: fixture{namespace: newNamespace(ctx)}}
	owners := map[string]types.UID{}
	for _, set := range recorded("../../../api", phase+"-statefulsets.json") {
		status := set.Object["status"].(map[string]any)
		l.put(ctx, &set, status)
		owners[set.GetName()] = set.GetUID()
		l.sets = append(l.sets, &set)
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, &set))).To(Succeed()) })
	}
	for _, kind := range []string{"revisions", "pods"} {
		for _, object := range recorded("../../../internal/sidecar", phase+"-"+kind+".json") {
			owner := metav1.GetControllerOf(&object)
			if owner == nil || owners[owner.Name] == "" {
				continue // a SidecarSet's
			}
			owner.UID = owners[owner.Name]
			object.SetOwnerReferences([]metav1.OwnerReference{*owner})
			beginNow(&object)
			status, _ := object.Object["status"].(map[string]any)
			l.put(ctx, &object, status)
		}
	}
	return l
}

func recorded(room, file string) []unstructured.Unstructured {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(filepath.FromSlash(room), "testdata", "openkruise", file))
	Expect(err).NotTo(HaveOccurred())
	list := &unstructured.UnstructuredList{}
	Expect(list.UnmarshalJSON(content)).To(Succeed())
	return list.Items
}

// beginNow lets the update that a Pod is in have begun just now.
func beginNow(pod *unstructured.Unstructured) {
	annotations := pod.GetAnnotations()
	state, updating := annotations[v1beta1.InPlaceUpdateStateAnnotation]
	if updating {
		const recordedTime = "2026-11-22T12:01:56Z"
		Expect(state).To(ContainSubstring(recordedTime))
		annotations[v1beta1.InPlaceUpdateStateAnnotation] = strings.ReplaceAll(state, recordedTime, time.Now().UTC().Format(time.RFC3339))
		pod.SetAnnotations(annotations)
	}
}

// put creates an object, and its status if it has one.
func (l *legacy) put(ctx context.Context, object *unstructured.Unstructured, status map[string]any) {
	GinkgoHelper()
	object.SetNamespace(l.namespace)
	object.SetUID("")
	object.SetResourceVersion("")
	Expect(k8s.Create(ctx, object)).To(Succeed())
	if status == nil {
		return
	}
	if object.GetKind() == "StatefulSet" {
		status["observedGeneration"] = object.GetGeneration()
	}
	object.Object["status"] = status
	Expect(k8s.Status().Update(ctx, object)).To(Succeed())
}

// takenOver waits until the controller has judged every set.
func (l *legacy) takenOver(ctx context.Context) {
	GinkgoHelper()
	for _, set := range l.sets {
		l.set = l.setNamed(ctx, set.GetName())
		Eventually(l.status(ctx)).Should(HaveField("Conditions", Not(BeEmpty())), set.GetName())
	}
}

func (l *legacy) setNamed(ctx context.Context, name string) *v1beta1.StatefulSet {
	GinkgoHelper()
	set := &v1beta1.StatefulSet{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: l.namespace, Name: name}, set)).To(Succeed())
	return set
}

// revisions tell whether anything has been written to a revision.
func (f *fixture) revisions(ctx context.Context) map[string]string {
	GinkgoHelper()
	list := &appsv1.ControllerRevisionList{}
	Expect(k8s.List(ctx, list, client.InNamespace(f.namespace))).To(Succeed())
	out := map[string]string{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return out
}

// wire are the parts of a status that OpenKruise has too and that must not change by the takeover alone.
func wire(status *v1beta1.StatefulSetStatus) v1beta1.StatefulSetStatus {
	out := *status.DeepCopy()
	out.Conditions, out.LastProgressTime, out.PausedSince = nil, nil, nil
	out.Summary, out.SummarySince = "", nil
	return out
}

var _ = DescribeTable("A cluster that OpenKruise has left", func(ctx SpecContext, phase string) {
	stopOperator()
	l := leave(ctx, phase)
	before, revisions := l.versions(ctx)(), l.revisions(ctx)
	statuses := map[string]v1beta1.StatefulSetStatus{}
	for _, set := range l.sets {
		statuses[set.GetName()] = wire(&l.setNamed(ctx, set.GetName()).Status)
	}

	startOperator(ctx, nil)
	l.takenOver(ctx)
	Consistently(l.versions(ctx)).Should(Equal(before), "nothing is written to a Pod")
	Expect(l.revisions(ctx)).To(Equal(revisions))
	for name, status := range statuses {
		Expect(wire(&l.setNamed(ctx, name).Status)).To(BeComparableTo(status), name)
	}
},
	Entry("at rest stays as it is", "created"),
	Entry("in mid-rollout waits for what it waited for", "midway"),
)

var _ = Describe("A rollout that OpenKruise has left midway", func() {
	const newImage = "registry.example/hooked:2"
	var l *legacy
	var before map[string]types.UID
	BeforeEach(func(ctx SpecContext) {
		stopOperator()
		l = leave(ctx, "midway")
		before = l.identities(ctx)
		startOperator(ctx, nil)
		l.takenOver(ctx)
		l.node()
	})
	AfterEach(func(ctx SpecContext) {
		Expect(l.identities(ctx)).To(Equal(before), "no Pod was replaced")
		for _, pod := range l.pods(ctx) {
			Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeNumerically("<=", 1), pod.Name)
		}
	})

	It("goes on to its partition when the grace period is over", func(ctx SpecContext) {
		for _, name := range []string{"web-2", "web-3"} {
			Expect(l.pod(ctx, name).Spec.Containers[0].Image).To(Equal("registry.example/web:1"))
			l.rewind(ctx, name, 2*time.Hour)
		}
		l.set = l.setNamed(ctx, "web")
		Eventually(l.status(ctx)).Should(haveCondition(v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonPartitionReached))
		for name, image := range map[string]string{
			"web-0": "registry.example/web:1", "web-2": "registry.example/web:2", "web-3": "registry.example/web:2",
		} {
			pod := l.pod(ctx, name)
			Expect(pod.Spec.Containers[0].Image).To(Equal(image), name)
			Expect(pod.Annotations).NotTo(HaveKey(v1beta1.InPlaceUpdateGraceAnnotation), name)
			Expect(pod.Labels).To(HaveKeyWithValue(v1beta1.LifecycleStateLabel, "Normal"), name)
		}
	})

	It("goes on to its end when the hooks' owner lets the Pods go", func(ctx SpecContext) {
		for _, name := range []string{"hooked-1", "hooked-0"} {
			Eventually(func() string { return l.pod(ctx, name).Labels[v1beta1.LifecycleStateLabel] }).Should(Equal("PreparingUpdate"), name)
			Expect(l.pod(ctx, name).Spec.Containers[0].Image).NotTo(Equal(newImage), name)
			l.merge(ctx, name, `{"metadata":{"finalizers":null}}`)
			Eventually(func() string { return l.pod(ctx, name).Labels[v1beta1.LifecycleStateLabel] }).Should(Equal("Updated"), name)
			Expect(l.pod(ctx, name).Spec.Containers[0].Image).To(Equal(newImage), name)
			l.merge(ctx, name, `{"metadata":{"finalizers":["example.com/hold"]}}`)
		}
		l.set = l.setNamed(ctx, "hooked")
		Expect(l.expectReady(ctx).CurrentRevision).To(Equal(l.set.Status.UpdateRevision))
	})
})

// rewind lets the update that a Pod is in have begun some time earlier.
func (l *legacy) rewind(ctx context.Context, name string, earlier time.Duration) {
	GinkgoHelper()
	state := map[string]any{}
	Expect(json.Unmarshal([]byte(l.pod(ctx, name).Annotations[v1beta1.InPlaceUpdateStateAnnotation]), &state)).To(Succeed())
	state["updateTimestamp"] = time.Now().Add(-earlier).UTC().Format(time.RFC3339)
	text, err := json.Marshal(state)
	Expect(err).NotTo(HaveOccurred())
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{v1beta1.InPlaceUpdateStateAnnotation: string(text)}}})
	Expect(err).NotTo(HaveOccurred())
	l.merge(ctx, name, string(patch))
}

// merge patches a Pod as somebody else would.
func (f *fixture) merge(ctx context.Context, name, patch string) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
	Expect(k8s.Patch(ctx, pod, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}
