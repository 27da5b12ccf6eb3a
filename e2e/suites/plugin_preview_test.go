// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"context"
	"encoding/json"
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// foreseen is what kubectl windlass preview says of an object.
type foreseen struct {
	Action, Refused, Revision string
	Groups                    []struct {
		Fate string
		Why  []string
		Pods []struct{ Name string }
	}
}

// fates are what becomes of each Pod.
func (f *foreseen) fates() map[string]string {
	out := map[string]string{}
	for _, group := range f.Groups {
		for _, pod := range group.Pods {
			out[pod.Name] = group.Fate
		}
	}
	return out
}

// why are the reasons of a fate.
func (f *foreseen) why(fate string) (out []string) {
	for _, group := range f.Groups {
		if group.Fate == fate {
			out = append(out, group.Why...)
		}
	}
	return out
}

// inGit is an object as Git has it.
func inGit(object client.Object, kind string) []byte {
	GinkgoHelper()
	object.GetObjectKind().SetGroupVersionKind(v1beta1.GroupVersion.WithKind(kind))
	object.SetManagedFields(nil)
	data, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	return data
}

// previewOf asks what a change of an object would do. What people read is shown in the report.
func previewOf(ctx context.Context, object client.Object, kind string) *foreseen {
	GinkgoHelper()
	manifest := inGit(object, kind)
	plugin, err := cluster.Plugin(ctx)
	Expect(err).NotTo(HaveOccurred())
	text, err := plugin.Feed(ctx, string(manifest), "preview", "-f", "-")
	Expect(err).NotTo(HaveOccurred())
	figure("preview", "%s%s", text.Out, text.Err)
	answer, err := plugin.Feed(ctx, string(manifest), "preview", "-f", "-", "-o", "json")
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Code).To(Equal(text.Code), "%s", answer.Err)
	var list struct{ Items []foreseen }
	Expect(json.Unmarshal([]byte(answer.Out), &list)).To(Succeed(), "%s", answer.Err)
	Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// done says of each Pod what a rollout did, by its UID and the image of a container. A Pod that changed in neither is as it
// was.
func done(before, after []corev1.Pod, container string, unchanged string) map[string]string {
	GinkgoHelper()
	was := map[string]*corev1.Pod{}
	for i := range before {
		was[before[i].Name] = &before[i]
	}
	out := map[string]string{}
	for i := range after {
		now, old := &after[i], was[after[i].Name]
		switch {
		case old == nil:
			out[now.Name] = "Created"
		case old.UID != now.UID:
			out[now.Name] = "Recreated"
		case framework.Container(old, container).Image != framework.Container(now, container).Image:
			out[now.Name] = "UpdatedInPlace"
		default:
			out[now.Name] = unchanged
		}
	}
	return out
}

var _ = Describe("kubectl windlass preview", func() {
	It("says of each Pod what the rollout of a SidecarSet then does", func(ctx SpecContext) {
		r := startRollout(ctx, 2)
		By("having one Pod that misses a change which no running Pod can take")
		r.change(ctx, func(set *v1beta1.SidecarSet) { set.Spec.Containers[0].Args = []string{"serve"} })
		Eventually(ctx, func() ([]string, error) {
			pod := framework.UnscheduledPod(r.namespace, "probe", "app")
			err := cluster.Client.Create(ctx, pod, client.DryRunAll)
			return framework.Container(pod, framework.SidecarContainer).Args, err
		}).Should(Equal([]string{"serve"}), "args of the sidecar in a new Pod")
		awaitKnown(ctx, r.set)
		Expect(cluster.Client.Delete(ctx, &r.before[0])).To(Succeed())
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 1, Ready: 2, UpdatedReady: 1})
		before := awaitPods(ctx, r.deployment)

		By("asking what another image would do")
		wanted, err := cluster.GetSidecarSet(ctx, r.set)
		Expect(err).NotTo(HaveOccurred())
		setImage(framework.SidecarImageV2)(wanted)
		preview := previewOf(ctx, wanted, "SidecarSet")
		Expect(preview.Action).To(Equal("Change"))
		Expect(preview.why("WaitsUntilRecreated")).To(Equal([]string{"spec.containers[sidecar].args"}))
		set, err := cluster.GetSidecarSet(ctx, r.set)
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Spec.Containers[0].Image).To(Equal(framework.SidecarImage), "a preview writes nothing")

		By("doing it")
		r.change(ctx, setImage(framework.SidecarImageV2))
		awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 1, Ready: 2, UpdatedReady: 1})
		Expect(done(before, awaitPods(ctx, r.deployment), framework.SidecarContainer, "WaitsUntilRecreated")).To(Equal(preview.fates()))
		set, err = cluster.GetSidecarSet(ctx, r.set)
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Status.LatestRevision).To(Equal(preview.Revision))
	}, SpecTimeout(framework.SpecPatience))

	It("says of each Pod what the rollout of an Advanced StatefulSet then does", func(ctx SpecContext) {
		s, before := startStateful(ctx, 3, inPlaceIfPossible)

		By("an image, with a partition")
		wanted := s.get(ctx)
		withPartition(1)(wanted)
		withImage(framework.AppImageV2)(wanted)
		preview := previewOf(ctx, wanted, "StatefulSet")
		s.change(ctx, withPartition(1), withImage(framework.AppImageV2))
		resting := s.awaitResting(ctx, v1beta1.ReasonPartitionReached)
		Expect(done(before, resting, framework.AppContainer, "Kept")).To(Equal(preview.fates()))
		Expect(s.get(ctx).Status.UpdateRevision).To(Equal(preview.Revision))

		By("a field that only a new Pod can have, and one Pod more")
		wanted = s.get(ctx)
		for _, edit := range []func(*v1beta1.StatefulSet){withPartition(0), withReplicas(4), withEnv("APP_READY_AFTER", "1s")} {
			edit(wanted)
		}
		preview = previewOf(ctx, wanted, "StatefulSet")
		Expect(preview.why("Recreated")).To(ContainElement("spec.template.spec.containers[app].env"))
		s.change(ctx, withPartition(0), withReplicas(4), withEnv("APP_READY_AFTER", "1s"))
		Expect(done(resting, s.awaitDone(ctx), framework.AppContainer, "Kept")).To(Equal(preview.fates()))
	}, SpecTimeout(framework.SpecPatience))

	It("applies as the server has applied what Flux manages", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		manifest := func(labels map[string]string) *v1beta1.StatefulSet {
			set := framework.StatefulSet(namespace, "app", 1)
			inPlaceIfPossible(set)
			maps.Copy(set.Spec.Template.Labels, labels)
			return set
		}
		apply := func(set *v1beta1.StatefulSet) *stateful {
			data := inGit(set, "StatefulSet")
			Expect(cluster.Client.Patch(ctx, set, client.RawPatch(types.ApplyPatchType, data),
				client.FieldOwner("kustomize-controller"), client.ForceOwnership)).To(Succeed())
			return knownStateful(set)
		}
		s := apply(manifest(map[string]string{"tier": "gold"}))
		before := s.awaitDone(ctx)
		Expect(previewOf(ctx, manifest(nil), "StatefulSet").fates()).To(Equal(map[string]string{"app-0": "UpdatedInPlace"}))
		apply(manifest(nil))
		after := s.awaitDone(ctx)
		Expect(after[0].Labels).NotTo(HaveKey("tier"))
		Expect(after[0].UID).To(Equal(before[0].UID))
	}, SpecTimeout(framework.SpecPatience))

	It("says what would be refused, and why", func(ctx SpecContext) {
		s, _ := startStateful(ctx, 1)
		wanted := s.get(ctx)
		wanted.Spec.Selector.MatchLabels = map[string]string{"app": "other"}
		Expect(previewOf(ctx, wanted, "StatefulSet").Refused).To(ContainSubstring("spec.selector"))
	}, SpecTimeout(framework.SpecPatience))
})
