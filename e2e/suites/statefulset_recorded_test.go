// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// graceLeft is what is left of the recorded grace period when the objects are made again.
const graceLeft = 5 * time.Second

// leftover is what another manager left behind, by the name of its StatefulSet.
type leftover struct {
	sets      map[string]*stateful
	pods      map[string][]corev1.Pod
	revisions map[string][]string
}

// leaveOpenKruise makes the recorded objects anew in a namespace, with images that run here, and waits until the Pods
// are as recorded. Nobody else may act on StatefulSets meanwhile.
func leaveOpenKruise(ctx context.Context, namespace string) *leftover {
	GinkgoHelper()
	left := &leftover{sets: map[string]*stateful{}, pods: map[string][]corev1.Pod{}, revisions: map[string][]string{}}
	owners := map[types.UID]types.UID{}
	for _, set := range recordedObjects[v1beta1.StatefulSet](namespace, "statefulsets") {
		recorded := set.DeepCopy()
		forgetServer(&set.ObjectMeta)
		Expect(cluster.Client.Create(ctx, &set)).To(Succeed())
		owners[recorded.UID] = set.UID
		set.Status = recorded.Status
		Expect(cluster.Client.Status().Update(ctx, &set)).To(Succeed())
		left.sets[set.Name] = knownStateful(&set)
		letGoAtEnd(left.sets[set.Name])
	}
	for _, revision := range recordedObjects[appsv1.ControllerRevision](namespace, "revisions") {
		forgetServer(&revision.ObjectMeta)
		owner := handOver(&revision.ObjectMeta, owners)
		Expect(cluster.Client.Create(ctx, &revision)).To(Succeed())
		left.revisions[owner] = append(left.revisions[owner], revision.Name)
	}
	recorded := recordedObjects[corev1.Pod](namespace, "pods")
	for i := range recorded {
		runAgain(ctx, recorded[i].DeepCopy(), owners)
	}
	for name, s := range left.sets {
		slices.Sort(left.revisions[name])
		left.pods[name] = s.awaitRecorded(ctx, recorded)
	}
	return left
}

// runAgain makes a recorded Pod anew, with the conditions that only its manager writes.
func runAgain(ctx context.Context, pod *corev1.Pod, owners map[types.UID]types.UID) {
	GinkgoHelper()
	conditions := slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type != v1beta1.InPlaceUpdateReadyCondition && c.Type != v1beta1.KruisePodReadyCondition
	})
	forgetServer(&pod.ObjectMeta)
	handOver(&pod.ObjectMeta, owners)
	pod.Spec.NodeName = ""
	// A new namespace has no service account for a moment.
	Eventually(ctx, func() error { return cluster.Client.Create(ctx, pod.DeepCopy()) }).Should(Succeed())
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
	Expect(err).NotTo(HaveOccurred())
	target := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	Expect(cluster.Client.Status().Patch(ctx, target, client.RawPatch(types.StrategicMergePatchType, patch))).To(Succeed())
}

// awaitRecorded waits until the set's Pods run, and are ready or not as they were recorded. It returns them.
func (s *stateful) awaitRecorded(ctx context.Context, recorded []corev1.Pod) []corev1.Pod {
	GinkgoHelper()
	want := map[string]bool{}
	for i := range recorded {
		want[recorded[i].Name] = framework.IsReady(&recorded[i])
	}
	var pods []corev1.Pod
	Eventually(ctx, func(g Gomega) {
		pods = s.pods(ctx)
		for i := range pods {
			g.Expect(podCondition(&pods[i], corev1.ContainersReady).Status).To(Equal(corev1.ConditionTrue), "containers of Pod %s", pods[i].Name)
			g.Expect(framework.IsReady(&pods[i])).To(Equal(want[pods[i].Name]), "readiness of Pod %s", pods[i].Name)
		}
	}).Should(Succeed())
	Expect(pods).NotTo(BeEmpty())
	return pods
}

// recordedObjects reads what OpenKruise stored, fitted to where and when it is to live again.
func recordedObjects[T any](namespace, kind string) []T {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("testdata", "openkruise", "midway-"+kind+".json"))
	Expect(err).NotTo(HaveOccurred())
	began := time.Now().Add(graceLeft - time.Hour).UTC().Format(time.RFC3339)
	fitted := strings.NewReplacer(
		"registry.example/web:1", framework.AppImage, "registry.example/web:2", framework.AppImageV2,
		"registry.example/hooked:1", framework.AppImage, "registry.example/hooked:2", framework.AppImageV2,
		"registry.example/re:1", framework.AppImage, "registry.example/recreate:2", framework.AppImageV2,
		`"path": "/"`, `"path": "/healthz"`, `"port": 80`, `"port": 8080`,
		`"namespace": "golden"`, `"namespace": "`+namespace+`"`,
		`\"updateTimestamp\":\"2026-11-22T12:01:56Z\"`, `\"updateTimestamp\":\"`+began+`\"`,
	).Replace(string(data))
	var list struct {
		Items []T `json:"items"`
	}
	Expect(json.Unmarshal([]byte(fitted), &list)).To(Succeed())
	Expect(list.Items).NotTo(BeEmpty())
	return list.Items
}

// forgetServer takes away what an API server gives to an object.
func forgetServer(object *metav1.ObjectMeta) {
	object.UID, object.ResourceVersion, object.Generation, object.CreationTimestamp = "", "", 0, metav1.Time{}
}

// handOver makes an object belong to the owner's successor, and returns the owner's name.
func handOver(object *metav1.ObjectMeta, successors map[types.UID]types.UID) string {
	GinkgoHelper()
	owner := metav1.GetControllerOfNoCopy(object)
	Expect(owner).NotTo(BeNil())
	Expect(successors).To(HaveKey(owner.UID))
	owner.UID = successors[owner.UID]
	return owner.Name
}

func toYAML(object any) string {
	GinkgoHelper()
	text, err := yaml.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}
