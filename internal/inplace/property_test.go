// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corefuncs "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// drawTexts draws labels or annotations.
func drawTexts(t *rapid.T, what string) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "example.com/c"}), rapid.SampledFrom([]string{"1", "2"}), 0, 2).Draw(t, what)
}

// drawAmounts draws requests that do not exceed the limits.
func drawAmounts(t *rapid.T) corev1.ResourceRequirements {
	var out corev1.ResourceRequirements
	if request := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "request"); request != "" {
		out.Requests = cpu(request)
	}
	if limit := rapid.SampledFrom([]string{"", "2", "4"}).Draw(t, "limit"); limit != "" {
		out.Limits = cpu(limit)
	}
	if bytes := rapid.SampledFrom([]string{"", "", "1Gi", "2Gi"}).Draw(t, "memory"); bytes != "" {
		if out.Limits == nil {
			out.Limits = corev1.ResourceList{}
		}
		out.Limits[corev1.ResourceMemory] = memory(bytes)[corev1.ResourceMemory]
	}
	return out
}

func drawContainer(t *rapid.T, name string) corev1.Container {
	image := rapid.SampledFrom([]string{":1", ":1", ":2", ":latest", "@" + digest}).Draw(t, "tag")
	c := corev1.Container{Name: name, Image: "docker.io/library/" + name + image, Resources: drawAmounts(t)}
	if rapid.Bool().Draw(t, "reads a label") {
		reads(&c, "metadata.labels['a']")
	}
	if rapid.IntRange(0, 9).Draw(t, "workingDir") == 0 {
		c.WorkingDir = "/x"
	}
	if rapid.Bool().Draw(t, "memory restarts") {
		c.ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.RestartContainer}}
	}
	return c
}

// drawTemplate draws a template that is like others more often than not.
func drawTemplate(t *rapid.T) *corev1.PodTemplateSpec {
	out := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: drawTexts(t, "labels"), Annotations: drawTexts(t, "annotations")}}
	if rapid.Bool().Draw(t, "finalizer") {
		out.Finalizers = []string{"example.com/hold"}
	}
	mesh := drawContainer(t, "mesh")
	mesh.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	setup := corev1.Container{Name: "setup", Image: "setup:1"}
	if rapid.IntRange(0, 9).Draw(t, "setup reads a label") == 0 {
		reads(&setup, "metadata.labels['a']")
	}
	out.Spec.InitContainers = []corev1.Container{setup, mesh}
	out.Spec.Containers = []corev1.Container{drawContainer(t, "app"), drawContainer(t, "log")}
	return out
}

// podOf is a Pod that the API server made of a template, and that runs.
func podOf(template *corev1.PodTemplateSpec) *corev1.Pod {
	pod := build.MakePod("web-0").Obj()
	pod.Finalizers, pod.Spec = template.Finalizers, template.Spec
	pod = pod.DeepCopy()
	for key, value := range template.Labels {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value)
	}
	for key, value := range template.Annotations {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
	}
	corefuncs.SetObjectDefaults_Pod(pod)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, "controller-revision-hash", "web-1")
	build.RunContainers(pod)
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range statuses {
			statuses[i].ImageID = "docker.io/library/" + statuses[i].Name + "@" + digest
			statuses[i].Resources = &corev1.ResourceRequirements{}
		}
	}
	return pod
}

// What Difference says can be done in place brings a Pod of the one template to what a Pod of the other one is, and the
// API server lets it.
func TestBeginLeadsToTheOtherTemplate(t *testing.T) {
	inPlace := 0
	rapid.Check(t, func(t *rapid.T) {
		from := podtemplate.Defaulted(drawTemplate(t))
		to := podtemplate.Defaulted(drawTemplate(t))
		for i := range to.Spec.Containers { // what nothing but a new Pod can have is drawn rarely
			if rapid.IntRange(0, 9).Draw(t, "other fields") > 0 {
				to.Spec.Containers[i].Env, to.Spec.Containers[i].WorkingDir = from.Spec.Containers[i].Env, from.Spec.Containers[i].WorkingDir
				to.Spec.Containers[i].ResizePolicy = from.Spec.Containers[i].ResizePolicy
			}
		}
		if rapid.IntRange(0, 9).Draw(t, "other init containers") > 0 {
			to.Spec.InitContainers[0] = from.Spec.InitContainers[0]
			to.Spec.InitContainers[1].Env, to.Spec.InitContainers[1].WorkingDir = from.Spec.InitContainers[1].Env, from.Spec.InitContainers[1].WorkingDir
			to.Spec.InitContainers[1].ResizePolicy = from.Spec.InitContainers[1].ResizePolicy
		}
		change, fixed := inplace.Difference(from, to, true)
		if len(fixed) > 0 {
			return
		}
		inPlace++
		checkChange(t, podOf(from), podOf(to), change)
	})
	if inPlace == 0 {
		t.Error("no pair of templates differed by what can be done in place")
	}
}

func checkChange(t *rapid.T, pod, want *corev1.Pod, change inplace.Change) {
	cached, err := podcache.Trim(pod)
	if err != nil {
		t.Fatal(err)
	}
	edits, err := inplace.Begin(cached.(*corev1.Pod), change, "web-2", now)
	if err != nil {
		t.Fatalf("%+v: %v", change, err)
	}
	got := pod
	if !edits.Resize.Empty() {
		got = applyOne(t, edits.Resize, got)
		checkAccepted(t, validation.ValidatePodResize, got, pod)
	}
	resized := got
	got = applyOne(t, edits.Pod, got)
	checkAccepted(t, validation.ValidatePodUpdate, got, resized)

	metav1.SetMetaDataLabel(&want.ObjectMeta, "controller-revision-hash", "web-2")
	delete(got.Annotations, "apps.kruise.io/inplace-update-state")
	for name := range change.Restart {
		if image(got, name) == image(pod, name) {
			t.Errorf("the image of %s is not spelled anew", name)
		}
		setImage(got, name, image(want, name))
	}
	if diff := cmp.Diff(want.ObjectMeta, got.ObjectMeta, cmpopts.EquateEmpty()) + cmp.Diff(want.Spec, got.Spec, cmpopts.EquateEmpty(), pullPolicies); diff != "" {
		t.Errorf("%+v leads to (-want +got):\n%s", change, diff)
	}
}

// pullPolicies that follow from the image stay what they were in a running Pod.
var pullPolicies = cmpopts.IgnoreFields(corev1.Container{}, "ImagePullPolicy")

func image(pod *corev1.Pod, name string) string {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return list[i].Image
			}
		}
	}
	return ""
}

func setImage(pod *corev1.Pod, name, image string) {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				list[i].Image = image
			}
		}
	}
}

type validate func(newPod, oldPod *core.Pod, options validation.PodValidationOptions) field.ErrorList

// checkAccepted asks the API server's own validation.
func checkAccepted(t *rapid.T, validate validate, after, before *corev1.Pod) {
	internal := [2]*core.Pod{{}, {}}
	for i, object := range []*corev1.Pod{after, before} {
		defaulted := object.DeepCopy()
		defaulted.ResourceVersion = "1"
		corefuncs.SetObjectDefaults_Pod(defaulted)
		if err := corefuncs.Convert_v1_Pod_To_core_Pod(defaulted, internal[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	options := pod.GetValidationOptionsFromPodSpecAndMeta(&internal[0].Spec, &internal[1].Spec, &internal[0].ObjectMeta, &internal[1].ObjectMeta)
	if errs := validate(internal[0], internal[1], options); len(errs) > 0 {
		t.Errorf("the API server would refuse: %v", errs.ToAggregate())
	}
}
