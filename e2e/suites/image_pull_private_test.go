// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	// privateRepository is one that the registry of a cluster of ours asks for credentials for.
	privateRepository = "ghcr.io/windlass-operator/private/testsidecar"
	// pullSecret is the Secret with the credentials.
	pullSecret = "registry"
)

var _ = Describe("Images of a private registry, pulled before sidecars restart", Label("pulls"), func() {
	var image string

	BeforeEach(func(ctx SpecContext) {
		if !cluster.CanBreakNodes() {
			Skip("-cluster is not set: only the registry of a cluster of ours has private repositories")
		}
		image = fmt.Sprintf("%s:%x", privateRepository, time.Now().UnixNano())
		Expect(cluster.PushVariant(ctx, framework.SidecarImage, image, framework.Variant{})).To(Succeed())
	})

	It("come with the Secret that a Pod names, or its service account, in its own namespace", func(ctx SpecContext) {
		byPod := newNamespace(ctx, nil)
		createPullSecret(ctx, byPod, framework.PrivatePassword)
		byAccount := newNamespace(ctx, nil)
		createPullSecret(ctx, byAccount, framework.PrivatePassword)
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: byAccount, Name: "default"}}
		Eventually(ctx, func() error {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"imagePullSecrets":[{"name":"`+pullSecret+`"}]}`))
			return cluster.Client.Patch(ctx, account, patch)
		}).Should(Succeed(), "the account that each namespace gets")

		for _, r := range []*rollout{
			startRolloutIn(ctx, byPod, 2, withPullSecret, preDownload(v1beta1.ImagePreDownloadEveryNode)),
			startRolloutIn(ctx, byAccount, 2, nil, preDownload(v1beta1.ImagePreDownloadEveryNode)),
		} {
			history, err := cluster.RecordPods(ctx, r.namespace, nil)
			Expect(err).NotTo(HaveOccurred())
			r.change(ctx, setImage(image))
			expectHolding(r.awaitReady(ctx, v1beta1.ReasonComplete), image)
			changes, err := history.Stop()
			Expect(err).NotTo(HaveOccurred())
			Expect(downUnpulled(changes, image)).To(BeEmpty(), "Pods that ceased to serve before their node had pulled")
			Expect(eventReasons(ctx, r.set)).NotTo(ContainElement("ImageNotProven"))
		}
	}, SpecTimeout(framework.SpecPatience))

	It("restart nothing where the Secret is wrong, or where there is none, and come once it is right", func(ctx SpecContext) {
		wrong := newNamespace(ctx, nil)
		createPullSecret(ctx, wrong, "wrong")
		all := []*rollout{
			startRolloutIn(ctx, wrong, 2, withPullSecret, preDownload(v1beta1.ImagePreDownloadFirstNode)),
			startRolloutIn(ctx, newNamespace(ctx, nil), 2, nil, preDownload(v1beta1.ImagePreDownloadEveryNode)),
		}
		for _, r := range all {
			r.change(ctx, setImage(image))
		}
		for _, r := range all {
			Eventually(ctx, func() error {
				return cluster.HasCondition(ctx, r.set, v1beta1.ConditionStalled, metav1.ConditionTrue, v1beta1.ReasonImageUnavailable)
			}).Should(Succeed())
			message := conditionMessage(ctx, r.set, v1beta1.ConditionStalled)
			figure("Stalled", "%s", message)
			Expect(message).To(MatchRegexp(`(?i)authori[sz]ation failed|unauthorized|401`), "the registry's words")
			expectUntouched(r.before, r.pods(ctx))
		}

		By("mending the Secret")
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: wrong, Name: pullSecret}}
		Expect(cluster.Client.Delete(ctx, secret)).To(Succeed())
		createPullSecret(ctx, wrong, framework.PrivatePassword)
		mended := time.Now()
		Eventually(ctx, func() error {
			return cluster.HasCondition(ctx, all[0].set, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
		}).Should(Succeed())
		figure("after the Secret was mended", "complete in %.1f s", time.Since(mended).Seconds())
		expectHolding(all[0].pods(ctx), image)
		expectUntouched(all[1].before, all[1].pods(ctx))
	}, SpecTimeout(framework.SpecPatience))

	It("keep the Pods of a namespace whose Secret is wrong as they are, and come to those of all others", func(ctx SpecContext) {
		both := map[string]string{"e2e.windlass.dev/private": fmt.Sprintf("%x", time.Now().UnixNano())}
		right, wrong := newNamespace(ctx, both), newNamespace(ctx, both)
		createPullSecret(ctx, right, framework.PrivatePassword)
		createPullSecret(ctx, wrong, "wrong")
		r := startRolloutIn(ctx, right, 2, withPullSecret, preDownload(v1beta1.ImagePreDownloadEveryNode), func(set *v1beta1.SidecarSet) {
			set.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: both}
		})
		deployment := framework.Deployment(wrong, "app", 2)
		withPullSecret(&deployment.Spec.Template.Spec)
		kept := runWorkload(ctx, deployment)
		awaitCounters(ctx, r.set, counters{Matched: 4, Updated: 4, Ready: 4, UpdatedReady: 4})

		r.change(ctx, setImage(image))
		Eventually(ctx, func() []corev1.Pod { return holding(r.pods(ctx), image) }).Should(HaveLen(2))
		Eventually(ctx, func() string { return conditionMessage(ctx, r.set, v1beta1.ConditionReady) }).
			Should(MatchRegexp("Node .* cannot get image .* for namespace " + wrong))
		figure("Ready", "%s", conditionMessage(ctx, r.set, v1beta1.ConditionReady))
		now, err := cluster.Pods(ctx, wrong, deployment.Spec.Selector.MatchLabels)
		Expect(err).NotTo(HaveOccurred())
		expectUntouched(kept, now)
	}, SpecTimeout(framework.SpecPatience))
})

// withPullSecret has a Pod name the Secret.
func withPullSecret(spec *corev1.PodSpec) {
	spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: pullSecret}}
}

// createPullSecret puts credentials for the private repositories into a namespace.
func createPullSecret(ctx context.Context, namespace, password string) {
	GinkgoHelper()
	config, err := json.Marshal(map[string]any{"auths": map[string]any{
		"ghcr.io/windlass-operator/private": map[string]string{"username": framework.PrivateUser, "password": password},
	}})
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pullSecret}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: config},
	})).To(Succeed())
}
