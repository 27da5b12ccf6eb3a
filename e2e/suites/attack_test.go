// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
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
	briefly = 20 * time.Second
	// goodRate is how many good Pods are created in a second meanwhile, and goodBurst how many at once in the midst of it:
	// for these the API server has to open connections, while it keeps those that it had before.
	goodRate, goodBurst = 5, 30
	// places is how many Pods the SchedPatch is for that forged reviews are about.
	places = 2
	// answered is the least share of reviews that are answered in time while all attacks go on at once. A machine that
	// is busy answers some of them late; a webhook that attackers keep from its work answers next to none.
	answered = 0.5
	// metricsPort is where the chart has the metrics.
	metricsPort = 8080
	// attackContainer is the container of an attacker.
	attackContainer = "attack"
)

// attack is how a kind of attack is done by the program of that name.
type attack struct {
	// workers do it at once.
	workers int
	// rate is how often they do it in a second together, where all kinds are tried at once. The attackers run on the
	// machine of the API server: without a bound they would take what CPU it needs, and the slower the machine the more.
	rate int
}

var attacks = map[string]attack{
	"large": {30, 2}, "objects": {20, 4}, "full": {20, 2}, "forged": {10, 10}, "malformed": {10, 20}, "handshakes": {20, 30},
	"slow": {750, 150}, // more than connections can be open
}

// Whoever has a Pod and no credential at all must bring neither a replica down nor lose anybody's admission. The
// attackers are two Pods that call the webhook's Service; the good Pods are created in a namespace whose injection is
// enforced, so that a review which fails is a Pod that is refused.
var _ = Describe("While somebody on the Pod network attacks the webhook", Serial, func() {
	It("admits and injects every Pod, at any mixture", func(ctx SpecContext) {
		a := newAssault(ctx)
		for kind, how := range attacks {
			a.waves = append(a.waves, fmt.Sprintf("%s:%d:%d", kind, how.workers, how.rate))
		}
		creations := a.run(ctx, briefly, goodBurst, tookTooLong)
		a.expectAnswered(creations)
		expectAllInjected(lastOf(creations), a.set)
	}, SpecTimeout(framework.SpecPatience))

	DescribeTable("admits and injects every Pod", Label("attack"), func(ctx SpecContext, kind string) {
		a := newAssault(ctx)
		a.waves = []string{fmt.Sprintf("%s:%d:0", kind, attacks[kind].workers)}
		expectAllInjected(a.run(ctx, *attackTime, 0, nil), a.set)
	},
		Entry("when reviews are too large", "large", SpecTimeout(framework.SpecPatience)),
		Entry("when small text decodes to much", "objects", SpecTimeout(framework.SpecPatience)),
		Entry("when reviews are as large as they may be", "full", SpecTimeout(framework.SpecPatience)),
		Entry("when reviews are forged", "forged", SpecTimeout(framework.SpecPatience)),
		Entry("when reviews are none", "malformed", SpecTimeout(framework.SpecPatience)),
		Entry("when connections only shake hands", "handshakes", SpecTimeout(framework.SpecPatience)),
		Entry("when connections never come to an end", "slow", SpecTimeout(framework.SpecPatience)),
	)
})

// assault is two Pods that attack the webhook, and a namespace whose Pods have to be admitted meanwhile.
type assault struct {
	// waves are what the program attack is told to do.
	waves     []string
	attackers []*corev1.Pod
	// victim is the namespace, with a SidecarSet and a SchedPatch.
	victim, set, patch string
}

func newAssault(ctx context.Context) *assault {
	GinkgoHelper()
	if options.Registry == "" {
		Skip("-registry is not set: the attackers' image cannot be pushed")
	}
	a := &assault{victim: newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionEnforced})}
	a.set = createSet(ctx, framework.SidecarSet(a.victim, a.victim, "app")).Name
	awaitInjection(ctx, a.victim, a.set)
	a.patch = createPatch(ctx, patchFor(a.victim, "apps/v1", "StatefulSet", "app", func(spec *v1alpha1.SchedPatchSpec) {
		spec.MaxPods = ptr.To[int32](places)
	})).Name
	return a
}

// run creates good Pods while the attackers are at work, some of them at once, and holds that no program ends, and that
// none of the places of the SchedPatch is taken. A Pod is tried again for as long as the function says so. It returns
// every attempt.
func (a *assault) run(ctx context.Context, duration time.Duration, burst int, again func(error) bool) []framework.Creation {
	GinkgoHelper()
	image, err := cluster.PushAttacker(ctx)
	Expect(err).NotTo(HaveOccurred())
	expectNoRestart := watchPrograms(ctx)
	webhooks, err := cluster.ReadyReleasePods(ctx, "webhook", replicas)
	Expect(err).NotTo(HaveOccurred())

	lair := newNamespace(ctx, map[string]string{v1beta1.InjectionLabel: v1beta1.InjectionDisabled})
	var most float64
	var atOnce []framework.Creation
	creations := underLoad(ctx, a.victim, goodRate, again, func(ctx context.Context) {
		for i := range 2 {
			a.attackers = append(a.attackers, createPod(ctx, a.attackerPod(ctx, lair, fmt.Sprint("attacker-", i), image, duration)))
		}
		a.expectPlaces(ctx)
		Eventually(ctx, func() (time.Time, error) { return a.began(ctx) }).ShouldNot(BeZero(), "when both attackers began")
		pass(ctx, duration/2)
		atOnce = cluster.CreateAtOnce(ctx, burst, func(int) *corev1.Pod { return loadedPod(a.victim) }, again)
		Eventually(ctx, func(g Gomega) {
			for i := range webhooks {
				most = max(most, memoryOf(ctx, &webhooks[i]))
			}
			for _, attacker := range a.attackers {
				g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(attacker), attacker)).To(Succeed())
				g.Expect(attacker.Status.Phase).To(Equal(corev1.PodSucceeded))
			}
		}).WithTimeout(duration + framework.Patience).WithPolling(time.Second).Should(Succeed())
	})

	creations = append(creations, atOnce...)
	for _, attacker := range a.attackers {
		text, err := cluster.Clientset.CoreV1().Pods(lair).GetLogs(attacker.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		figure(attacker.Name, "%s", text)
	}
	figure("attempts to create good Pods", "%d of %d Pods, %d new ones a second and %d at once; median %s, slowest %s",
		len(creations), len(lastOf(creations)), goodRate, burst,
		framework.Median(creations).Round(time.Millisecond), framework.Slowest(creations).Round(time.Millisecond))
	figure("memory of a replica", "%.0f MiB at most", most/(1<<20))
	expectNoRestart(ctx)
	Expect(most).To(BeNumerically(">", 0), "the memory was looked at")
	return creations
}

// expectAnswered holds that of the reviews that began while somebody attacked, a good part was answered in time.
func (a *assault) expectAnswered(creations []framework.Creation) {
	GinkgoHelper()
	during, late := 0, 0
	for i := range creations {
		if !a.isOn(creations[i].Began) {
			continue
		}
		during++
		if tookTooLong(creations[i].Err) {
			late++
		}
	}
	figure("reviews while the attack went on", "%d, of which %d took too long", during, late)
	Expect(during).To(BeNumerically(">", 0), "reviews while the attack went on")
	Expect(float64(during-late)).To(BeNumerically(">=", answered*float64(during)), "reviews that were answered, of %d while the attack went on", during)
}

// began is when the last of the attackers began; zero while one has not.
func (a *assault) began(ctx context.Context) (last time.Time, err error) {
	for _, attacker := range a.attackers {
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(attacker), attacker); err != nil {
			return time.Time{}, err
		}
		state := framework.ContainerStatus(attacker, attackContainer).State
		switch {
		case state.Running != nil:
			last = state.Running.StartedAt.Time
		case state.Terminated != nil:
			last = state.Terminated.StartedAt.Time
		default:
			return time.Time{}, nil
		}
	}
	return last, nil
}

// isOn reports whether an attacker was at work, by what its kubelet has recorded.
func (a *assault) isOn(moment time.Time) bool {
	return slices.ContainsFunc(a.attackers, func(attacker *corev1.Pod) bool {
		ended := framework.ContainerStatus(attacker, attackContainer).State.Terminated
		return ended != nil && !moment.Before(ended.StartedAt.Time) && moment.Before(ended.FinishedAt.Time)
	})
}

// tookTooLong reports whether a Pod was refused because its review was not answered for as long as the API server
// waits. Whoever creates Pods tries again then.
func tookTooLong(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed calling webhook") && strings.Contains(err.Error(), "deadline exceeded")
}

// lastOf are the last attempts to create each Pod.
func lastOf(creations []framework.Creation) []framework.Creation {
	last := map[string]framework.Creation{}
	for _, creation := range creations {
		if before, seen := last[creation.Pod.Name]; !seen || creation.Began.After(before.Began) {
			last[creation.Pod.Name] = creation
		}
	}
	return slices.Collect(maps.Values(last))
}

// expectPlaces holds that the Pods of the SchedPatch's target get its places while others forge reviews of such Pods.
func (a *assault) expectPlaces(ctx context.Context) {
	GinkgoHelper()
	target := nativeStatefulSet(a.victim)
	target.Spec.Replicas, target.Spec.VolumeClaimTemplates = ptr.To[int32](places), nil
	target.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	target.Spec.Template.Spec.Containers[0].VolumeMounts = nil
	Expect(cluster.Client.Create(ctx, target)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		patched := &corev1.PodList{}
		g.Expect(cluster.Client.List(ctx, patched, client.InNamespace(a.victim), client.HasLabels{v1beta1.SchedPatchLabelPrefix + a.patch})).To(Succeed())
		g.Expect(patched.Items).To(HaveLen(places))
	}).Should(Succeed())
}

func (a *assault) attackerPod(ctx context.Context, namespace, name, image string, duration time.Duration) *corev1.Pod {
	GinkgoHelper()
	service := &corev1.Service{}
	Expect(cluster.Client.Get(ctx, cluster.WebhookService(), service)).To(Succeed())
	args := []string{"-for=" + duration.String(), "-address=" + service.Spec.ClusterIP + ":443", "-victim-namespace=" + a.victim, "-victim=app"}
	for _, wave := range a.waves {
		args = append(args, "-attack="+wave)
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: ptr.To[int64](0),
			AutomountServiceAccountToken: ptr.To(false), // without any credential
			Containers:                   []corev1.Container{{Name: attackContainer, Image: image, Args: args}},
		},
	}
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
