// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// attackTime is how long each attack goes on where they are tried one after the other.
var attackTime = flag.Duration("attack-time", time.Minute, "how long each attack of the label attack goes on")

const (
	// briefly is how long all attacks go on where they are tried at once.
	briefly = 15 * time.Second
	// attackRate is how many good Pods are created in a second meanwhile.
	attackRate = 5
	// places is how many Pods the SchedPatch is for that forged reviews are about.
	places = 2
	// tooBusy is the share of reviews that may take longer than the API server waits, where the attackers, the API
	// server and other clusters share the CPUs of one machine.
	tooBusy = 0.05
	// metricsPort is where the chart has the metrics.
	metricsPort = 8080
)

// attacks are kinds of the program attack, and how many do each at once.
var attacks = map[string]int{"large": 30, "objects": 20, "full": 20, "forged": 10, "malformed": 10, "handshakes": 20, "slow": 750}

// Whoever has a Pod and no credential at all must bring neither a replica down nor lose anybody's admission. The
// attackers are two Pods that call the webhook's Service; the good Pods are created in a namespace whose injection is
// enforced, so that a review which fails is a Pod that is refused.
var _ = Describe("While somebody on the Pod network attacks the webhook", Serial, func() {
	It("admits and injects every Pod, at any mixture", func(ctx SpecContext) {
		var kinds []string
		for kind := range attacks {
			kinds = append(kinds, kind)
		}
		underAttack(ctx, briefly, tooBusy, kinds...)
	}, SpecTimeout(4*time.Minute))

	DescribeTable("admits and injects every Pod", Label("attack"), func(ctx SpecContext, kind string) {
		underAttack(ctx, *attackTime, 0, kind)
	},
		Entry("when reviews are too large", "large", SpecTimeout(10*time.Minute)),
		Entry("when small text decodes to much", "objects", SpecTimeout(10*time.Minute)),
		Entry("when reviews are as large as they may be", "full", SpecTimeout(10*time.Minute)),
		Entry("when reviews are forged", "forged", SpecTimeout(10*time.Minute)),
		Entry("when reviews are none", "malformed", SpecTimeout(10*time.Minute)),
		Entry("when connections only shake hands", "handshakes", SpecTimeout(10*time.Minute)),
		Entry("when connections never come to an end", "slow", SpecTimeout(10*time.Minute)),
	)
})

// underAttack creates good Pods while two Pods attack, and holds that all of them come to be with their sidecar, that
// no program ends, and that none of the places of a SchedPatch is taken. Up to a share of the reviews may time out:
// such a Pod is refused, and tried again.
func underAttack(ctx SpecContext, duration time.Duration, late float64, kinds ...string) {
	GinkgoHelper()
	if options.Registry == "" {
		Skip("-registry is not set: the attackers' image cannot be pushed")
	}
	image, err := cluster.PushAttacker(ctx)
	Expect(err).NotTo(HaveOccurred())
	victim := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})
	set := createSet(ctx, framework.SidecarSet(victim, victim, "app"))
	awaitInjection(ctx, victim, set.Name)
	patch := createPatch(ctx, patchFor(victim, "apps/v1", "StatefulSet", "app", func(spec *v1alpha1.SchedPatchSpec) { spec.MaxPods = ptr.To[int32](places) }))
	expectNoRestart := watchPrograms(ctx)
	webhooks, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
	Expect(err).NotTo(HaveOccurred())

	var attackers []*corev1.Pod
	lair := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled})
	var most float64
	creations := underLoad(ctx, victim, attackRate, func(ctx context.Context) {
		for i := range 2 {
			attackers = append(attackers, createPod(ctx, attackerPod(ctx, lair, fmt.Sprint("attacker-", i), image, victim, duration, kinds)))
		}
		expectPlaces(ctx, victim, patch.Name)
		Eventually(ctx, func(g Gomega) {
			for i := range webhooks {
				most = max(most, memoryOf(ctx, &webhooks[i]))
			}
			for _, attacker := range attackers {
				g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(attacker), attacker)).To(Succeed())
				g.Expect(attacker.Status.Phase).To(Equal(corev1.PodSucceeded))
			}
		}).WithTimeout(duration + 2*time.Minute).WithPolling(time.Second).Should(Succeed())
	})

	for _, attacker := range attackers {
		for _, container := range attacker.Spec.Containers {
			text, err := cluster.Clientset.CoreV1().Pods(lair).GetLogs(attacker.Name, &corev1.PodLogOptions{Container: container.Name}).DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred())
			figure(attacker.Name+" "+container.Name, "%s", text)
		}
	}
	figure("good Pods", "%d at %d a second; median %s, slowest %s", len(creations), attackRate,
		framework.Median(creations).Round(time.Millisecond), framework.Slowest(creations).Round(time.Millisecond))
	figure("memory of a replica", "%.0f MiB at most", most/(1<<20))
	expectAllInjected(inTime(creations, late), set.Name)
	expectNoRestart(ctx)
	Expect(most).To(BeNumerically(">", 0), "the memory was looked at")
}

// inTime leaves out the creations whose review took longer than the API server waits, and holds that they are no
// greater share.
func inTime(creations []framework.Creation, share float64) []framework.Creation {
	GinkgoHelper()
	rest := slices.DeleteFunc(slices.Clone(creations), func(c framework.Creation) bool {
		return c.Err != nil && strings.Contains(c.Err.Error(), "failed calling webhook") && strings.Contains(c.Err.Error(), "deadline exceeded")
	})
	late := len(creations) - len(rest)
	figure("reviews that took too long", "%d of %d", late, len(creations))
	Expect(float64(late)).To(BeNumerically("<=", share*float64(len(creations))), "reviews that took too long, of %d", len(creations))
	return rest
}

// expectPlaces holds that the Pods of the SchedPatch's target get its places while others forge reviews of such Pods.
func expectPlaces(ctx context.Context, namespace, patch string) {
	GinkgoHelper()
	target := nativeStatefulSet(namespace)
	target.Spec.Replicas, target.Spec.VolumeClaimTemplates = ptr.To[int32](places), nil
	target.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	target.Spec.Template.Spec.Containers[0].VolumeMounts = nil
	Expect(cluster.Client.Create(ctx, target)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		patched := &corev1.PodList{}
		g.Expect(cluster.Client.List(ctx, patched, client.InNamespace(namespace), client.HasLabels{v1beta1.SchedPatchLabelPrefix + patch})).To(Succeed())
		g.Expect(patched.Items).To(HaveLen(places))
	}).Should(Succeed())
}

// attackerPod runs each of the kinds in a container of its own.
func attackerPod(ctx context.Context, namespace, name, image, victim string, duration time.Duration, kinds []string) *corev1.Pod {
	GinkgoHelper()
	service := &corev1.Service{}
	Expect(cluster.Client.Get(ctx, cluster.WebhookService(), service)).To(Succeed())
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: ptr.To[int64](0),
			AutomountServiceAccountToken: ptr.To(false), // without any credential
		},
	}
	for _, kind := range kinds {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: kind, Image: image,
			Args: []string{
				"-kind=" + kind, "-workers=" + strconv.Itoa(attacks[kind]), "-for=" + duration.String(),
				"-address=" + service.Spec.ClusterIP + ":443", "-victim-namespace=" + victim, "-victim=app",
			},
		})
	}
	return pod
}

// memoryOf is what a program says it takes; 0 when it is not told in time.
func memoryOf(ctx context.Context, pod *corev1.Pod) float64 {
	text, err := cluster.AskPod(ctx, pod.Namespace, pod.Name, metricsPort, "/metrics")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "process_resident_memory_bytes "); ok {
			resident, _ := strconv.ParseFloat(value, 64)
			return resident
		}
	}
	return 0
}
