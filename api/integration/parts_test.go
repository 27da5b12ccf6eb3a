// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// applyAs has a client apply a part of an object.
func applyAs(ctx SpecContext, manager string, part *unstructured.Unstructured, options ...client.ApplyOption) error {
	return k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(part), append(options, client.FieldOwner(manager))...)
}

// part is a StatefulSet of this apiVersion with nothing but a Pod template's spec.
func part(apiVersion, name, podSpec string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: parse(fmt.Sprintf(`
apiVersion: %s
kind: StatefulSet
metadata: {name: %s, namespace: api}
spec: {template: {spec: %s}}`, apiVersion, name, podSpec))}
}

const whole = `{
  containers: [
    {name: app, image: "app:1", env: [{name: LEVEL, value: info}, {name: ZONE, value: a}], volumeMounts: [{name: data, mountPath: /data}]},
    {name: log, image: "log:1", resources: {requests: {cpu: 10m}}}],
  initContainers: [{name: setup, image: "setup:1"}],
  volumes: [{name: data, emptyDir: {}}],
  topologySpreadConstraints: [{topologyKey: zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 1, labelSelector: {matchLabels: {app: web}}}]}`

// added is what a second client applies: to each list an item, and to items of the first client a field.
const added = `{
  containers: [
    {name: app, env: [{name: FROM, value: team-b}], volumeMounts: [{name: cache, mountPath: /cache}]},
    {name: proxy, image: "proxy:1"}],
  initContainers: [{name: wait, image: "wait:1"}],
  volumes: [{name: cache, emptyDir: {}}],
  topologySpreadConstraints: [{topologyKey: host, whenUnsatisfiable: DoNotSchedule, maxSkew: 1, labelSelector: {matchLabels: {app: web}}}]}`

// names lists what tells the items of a list apart.
func names(object map[string]any, list, key string) []string {
	items, _, err := unstructured.NestedSlice(object, list)
	Expect(err).NotTo(HaveOccurred())
	var out []string
	for _, item := range items {
		out = append(out, item.(map[string]any)[key].(string))
	}
	return out
}

// podSpecOf reads what is stored.
func podSpecOf(ctx SpecContext, object *unstructured.Unstructured) map[string]any {
	GinkgoHelper()
	stored := object.DeepCopy()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(object), stored)).To(Succeed())
	spec, _, err := unstructured.NestedMap(stored.Object, "spec", "template", "spec")
	Expect(err).NotTo(HaveOccurred())
	return spec
}

var _ = Describe("two clients that apply parts of one Pod template", func() {
	for _, apiVersion := range []string{"apps/v1", "apps.kruise.io/v1beta1", "apps.kruise.io/v1alpha1"} {
		It("are merged by name in "+apiVersion, func(ctx SpecContext) {
			name := "merged-" + apiVersion[len(apiVersion)-2:]
			first := part(apiVersion, name, whole)
			merge(first.Object, parse(`spec: {serviceName: web, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}`))
			Expect(applyAs(ctx, "platform", first)).To(Succeed())
			Expect(applyAs(ctx, "team-b", part(apiVersion, name, added))).To(Succeed())

			spec := podSpecOf(ctx, first)
			Expect(names(spec, "containers", "name")).To(Equal([]string{"app", "log", "proxy"}))
			Expect(names(spec, "initContainers", "name")).To(Equal([]string{"setup", "wait"}))
			Expect(names(spec, "volumes", "name")).To(Equal([]string{"data", "cache"}))
			Expect(names(spec, "topologySpreadConstraints", "topologyKey")).To(Equal([]string{"zone", "host"}))
			app := spec["containers"].([]any)[0].(map[string]any)
			Expect(app).To(HaveKeyWithValue("image", "app:1"))
			Expect(names(app, "env", "name")).To(Equal([]string{"LEVEL", "ZONE", "FROM"}))
			Expect(names(app, "volumeMounts", "mountPath")).To(Equal([]string{"/data", "/cache"}))

			By("each takes back its own, and nothing of the other")
			Expect(applyAs(ctx, "team-b", part(apiVersion, name, `{containers: [{name: app, env: [{name: FROM, value: team-b}]}]}`))).To(Succeed())
			spec = podSpecOf(ctx, first)
			Expect(names(spec, "containers", "name")).To(Equal([]string{"app", "log"}))
			Expect(names(spec, "volumes", "name")).To(Equal([]string{"data"}))

			By("what both want differently is a conflict, by name")
			err := applyAs(ctx, "team-b", part(apiVersion, name, `{containers: [{name: app, env: [{name: LEVEL, value: debug}]}]}`))
			Expect(err).To(MatchError(ContainSubstring(`.spec.template.spec.containers[name="app"].env[name="LEVEL"].value`)))
		})
	}
})

var _ = Describe("a Pod template", func() {
	It("may have null where a list could be, and fields that nobody knows", func(ctx SpecContext) {
		set := object(statefulSet, named("odd"), `spec: {template: {spec: {volumes: null, invented: {a: [1, 2]}, `+
			`containers: [{name: web, image: "web:1", env: null, volumeMounts: null, resources: null, alsoInvented: [x, x]}]}}}`)
		Expect(k8s.Create(ctx, set)).To(Succeed())
		spec := podSpecOf(ctx, set)
		Expect(spec).To(HaveKeyWithValue("invented", HaveKeyWithValue("a", HaveLen(2))))
		Expect(spec["containers"].([]any)[0]).To(HaveKeyWithValue("alsoInvented", HaveLen(2)))
	})

	It("may have a port twice, with and without its protocol, and a pull secret without a name", func(ctx SpecContext) {
		set := object(statefulSet, named("ports"), `spec: {template: {spec: {imagePullSecrets: [{}, {name: a}, {name: a}], `+
			`containers: [{name: web, image: "web:1", ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]}]}}}`)
		Expect(k8s.Create(ctx, set)).To(Succeed())
	})
})

// Objects of another operator, or of an earlier version of the definition, may have items that now are twice the same.
var _ = Describe("a StatefulSet whose Pod template had a variable twice before that was refused", Serial, func() {
	const (
		twice    = `spec: {template: {spec: {containers: [{name: web, image: "web:1", env: [{name: A, value: "1"}, {name: A, value: "2"}]}]}}}`
		newImage = `spec: {template: {spec: {containers: [{name: web, image: "web:2", env: [{name: A, value: "1"}, {name: A, value: "2"}]}]}}}`
	)

	It("can be updated, scaled, labelled and given a status", func(ctx SpecContext) {
		strict := &apiextensionsv1.CustomResourceDefinition{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "statefulsets.apps.kruise.io"}, strict)).To(Succeed())
		replaceDefinition(ctx, withoutKeys(strict))
		old := object(statefulSet, named("twice"), twice)
		Eventually(ctx, func() error { return k8s.Create(ctx, old) }).Should(Succeed())
		replaceDefinition(ctx, strict)
		Eventually(ctx, func() error {
			return k8s.Create(ctx, object(statefulSet, named("newer"), twice), client.DryRunAll)
		}).Should(MatchError(ContainSubstring(`spec.template.spec.containers[0].env[1]: Duplicate value: {"name":"A"}`)))

		By("replicas and a new image")
		merge(old.Object, parse(`spec: {replicas: 5}`))
		merge(old.Object, parse(newImage))
		Expect(k8s.Update(ctx, old)).To(Succeed())

		By("the scale subresource")
		scale := &unstructured.Unstructured{Object: parse(`{apiVersion: autoscaling/v1, kind: Scale, spec: {replicas: 2}}`)}
		Expect(k8s.SubResource("scale").Update(ctx, old.DeepCopy(), client.WithSubResourceBody(scale))).To(Succeed())

		By("a merge patch of a label, and of the status, as the operator writes it")
		Expect(k8s.Patch(ctx, old.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`)))).To(Succeed())
		Expect(k8s.Status().Patch(ctx, old.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"replicas":2}}`)))).To(Succeed())

		By("an apply of another part")
		Expect(applyAs(ctx, "team-b", &unstructured.Unstructured{Object: parse(`
apiVersion: apps.kruise.io/v1beta1
kind: StatefulSet
metadata: {name: twice, namespace: api, annotations: {from: team-b}}`)})).To(Succeed())

		By("the mended list")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
		merge(old.Object, parse(`spec: {template: {spec: {containers: [{name: web, image: "web:2", env: [{name: A, value: "2"}]}]}}}`))
		Expect(k8s.Update(ctx, old)).To(Succeed())
	})
})

// withoutKeys is a definition whose Pod template has no schema.
func withoutKeys(definition *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	lax := definition.DeepCopy()
	for _, version := range lax.Spec.Versions {
		spec := version.Schema.OpenAPIV3Schema.Properties["spec"]
		template := spec.Properties["template"]
		template.Properties = nil
		spec.Properties["template"] = template
	}
	return lax
}
