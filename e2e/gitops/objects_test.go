// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/e2e/internal/checkout"
)

// toolNamespaces are those of Argo CD and of Flux, which hold nothing of ours.
var toolNamespaces = []string{"argocd", "flux-system"}

// tool is the file of a tool that is pinned in tools/.
func tool(ctx context.Context, name string) string {
	GinkgoHelper()
	path, err := checkout.Tool(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return path
}

// expectDefinitions expects that our definitions are there, and stay.
func expectDefinitions(ctx context.Context) {
	GinkgoHelper()
	for _, name := range definitions {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: name}, crd)).To(Succeed())
		Expect(crd.DeletionTimestamp).To(BeNil(), "deletion of %s", name)
	}
}

// definitions are the names of our CustomResourceDefinitions.
var definitions = []string{"schedpatches.apps.kruise.io", "sidecarsets.apps.kruise.io", "statefulsets.apps.kruise.io"}

// ledgerPods are the Pods of the workload, all of them ready.
func ledgerPods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	pods, err := cluster.ReadyPods(ctx, production, map[string]string{"app.kubernetes.io/name": ledger}, 3)
	Expect(err).NotTo(HaveOccurred())
	return pods
}

// createExclusion makes the SchedPatch that auto remediation makes when it has kept Pods of the ledger away from a node
// and that is over: the operator keeps it for a day, to remember by. Git knows nothing of it.
func createExclusion(ctx context.Context) *v1alpha1.SchedPatch {
	GinkgoHelper()
	set, err := cluster.GetStatefulSet(ctx, client.ObjectKey{Namespace: production, Name: ledger})
	Expect(err).NotTo(HaveOccurred())
	end := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	record := fmt.Sprintf(`{"exclusions":[{"node":"broken","key":{"revision":%q},"firstSeen":%q,"expires":%q,"strikes":1}]}`,
		set.Status.UpdateRevision, end.Add(-time.Hour).UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	patch := &v1alpha1.SchedPatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: production, Name: ledger + "-remediation",
			Annotations:     map[string]string{v1beta1.RemediationExclusionsAnnotation: record},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, v1beta1.GroupVersion.WithKind("StatefulSet"))},
		},
		Spec: v1alpha1.SchedPatchSpec{
			TargetRef: v1alpha1.TargetReference{APIVersion: v1beta1.GroupVersion.String(), Kind: "StatefulSet", Name: ledger},
			ExpiresAt: &end,
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
					{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"broken"}},
				}}},
			}}},
		},
	}
	Expect(cluster.Client.Create(ctx, patch)).To(Succeed())
	return patch
}

// webhookConfigurations names the configurations that send something to the release's Service.
func webhookConfigurations(ctx context.Context) (names []string) {
	GinkgoHelper()
	ours := func(name string, config admissionregistrationv1.WebhookClientConfig) {
		if config.Service != nil && config.Service.Namespace == options.Namespace {
			names = append(names, name)
		}
	}
	mutating := &admissionregistrationv1.MutatingWebhookConfigurationList{}
	Expect(cluster.Client.List(ctx, mutating)).To(Succeed())
	for i := range mutating.Items {
		for j := range mutating.Items[i].Webhooks {
			ours(mutating.Items[i].Name, mutating.Items[i].Webhooks[j].ClientConfig)
		}
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfigurationList{}
	Expect(cluster.Client.List(ctx, validating)).To(Succeed())
	for i := range validating.Items {
		for j := range validating.Items[i].Webhooks {
			ours(validating.Items[i].Name, validating.Items[i].Webhooks[j].ClientConfig)
		}
	}
	return names
}

// decode reads the objects of a YAML file.
func decode(content []byte) (objects []*unstructured.Unstructured) {
	GinkgoHelper()
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		Expect(err).NotTo(HaveOccurred())
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// expectImage expects that the Pods of the workload run an image in one of their containers.
func expectImage(ctx context.Context, container, image string) {
	GinkgoHelper()
	for _, pod := range ledgerPods(ctx) {
		Expect(framework.Container(&pod, container).Image).To(Equal(image), "container %s of Pod %s", container, pod.Name)
	}
}

// deleted names the objects that are gone, but for those that come and go with others.
func deleted(writes []framework.Write) (names []string) {
	for i := range writes {
		if writes[i].After == nil {
			names = append(names, writes[i].Before.GetKind()+" "+writes[i].Before.GetName())
		}
	}
	slices.Sort(names)
	return names
}

// describeAll tells of each write, "" when there is none.
func describeAll(writes []framework.Write) string {
	out := &strings.Builder{}
	for i := range writes {
		fmt.Fprintln(out, writes[i].String())
	}
	return out.String()
}

// recordWrites follows all objects of the cluster but for those that are written to all the time whatever happens: what
// Kubernetes itself lives on, and the tools' own objects, whose status tells when they looked last.
func recordWrites(ctx context.Context) *framework.WriteHistory {
	GinkgoHelper()
	resources, err := cluster.Resources("endpoints", "events", "events.events.k8s.io", "leases.coordination.k8s.io", "nodes", "csinodes.storage.k8s.io")
	Expect(err).NotTo(HaveOccurred())
	history, err := cluster.RecordWrites(ctx, resources, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(toolNamespaces, o.GetNamespace()) && !strings.HasPrefix(o.GetNamespace(), "kube-")
	})
	Expect(err).NotTo(HaveOccurred())
	return history
}
