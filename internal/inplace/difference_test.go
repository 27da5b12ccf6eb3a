// SPDX-License-Identifier: Apache-2.0

package inplace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/internal/inplace"
	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// base is the template that the tests change.
const base = `
metadata:
  labels: {app: web, ver: "1"}
  annotations: {note: a}
  finalizers: [example.com/hold]
spec:
  initContainers:
  - {name: setup, image: setup:1}
  - {name: mesh, image: mesh:1, restartPolicy: Always, resources: {requests: {cpu: 100m}}}
  containers:
  - name: app
    image: app:1
    resources: {requests: {cpu: "1", memory: 1Gi}, limits: {memory: 2Gi}}
    resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]
    livenessProbe: {httpGet: {port: 80}}
    env:
    - {name: ONE, value: "1"}
  - name: log
    image: log:1
  volumes:
  - {name: config, configMap: {name: config}}
  - {name: data, emptyDir: {}}
`

// template reads base, lets the test change it, and defaults it.
func template(t testing.TB, change func(template *corev1.PodTemplateSpec)) *corev1.PodTemplateSpec {
	t.Helper()
	out := &corev1.PodTemplateSpec{}
	if err := yaml.UnmarshalStrict([]byte(base), out); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(out)
	}
	return podtemplate.Defaulted(out)
}

type edit = func(template *corev1.PodTemplateSpec)

// reads gives a container a variable with a field of the Pod.
func reads(c *corev1.Container, field string) {
	c.Env = append(c.Env, corev1.EnvVar{
		Name: "FIELD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}},
	})
}

func cpu(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
}

func memory(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(amount)}
}

func TestDifferenceInPlace(t *testing.T) {
	for name, test := range map[string]struct {
		both, to edit
		want     inplace.Change
	}{
		"nothing": {},
		"an image": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "app:2" },
			want: inplace.Change{Images: map[string]string{"app": "app:2"}},
		},
		"the image of a native sidecar": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.InitContainers[1].Image = "mesh:2" },
			want: inplace.Change{Images: map[string]string{"mesh": "mesh:2"}},
		},
		"an image whose pull policy follows from it": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "app:latest" },
			want: inplace.Change{Images: map[string]string{"app": "app:latest"}},
		},
		"labels and annotations come, change and go": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Labels = map[string]string{"app": "web", "ver": "2", "new": "1"}
				p.Annotations = nil
			},
			want: inplace.Change{
				Labels:      map[string]*string{"ver": ptr.To("2"), "new": ptr.To("1")},
				Annotations: map[string]*string{"note": nil},
			},
		},
		"labels that a Pod has from its set are not the template's": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Labels["controller-revision-hash"], p.Labels["lifecycle.apps.kruise.io/state"] = "x", "Normal"
				p.Annotations["apps.kruise.io/inplace-update-state"] = "{}"
			},
		},
		"finalizers": {
			to:   func(p *corev1.PodTemplateSpec) { p.Finalizers = []string{"example.com/other"} },
			want: inplace.Change{AddFinalizers: []string{"example.com/other"}, RemoveFinalizers: []string{"example.com/hold"}},
		},
		"cpu": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
			},
			want: inplace.Change{
				Resources: map[string]corev1.ResourceRequirements{"app": {Requests: cpu("2")}},
			},
		},
		"less memory, which the container restarts for": {
			to: func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Resources.Limits = memory("1536Mi") },
			want: inplace.Change{
				Resources:      map[string]corev1.ResourceRequirements{"app": {Limits: memory("1536Mi")}},
				ResizeRestarts: []string{"app"},
			},
		},
		"cpu of a native sidecar": {
			to: func(p *corev1.PodTemplateSpec) { p.Spec.InitContainers[1].Resources.Requests = cpu("200m") },
			want: inplace.Change{
				Resources: map[string]corev1.ResourceRequirements{"mesh": {Requests: cpu("200m")}},
			},
		},
		"a limit where there was none, and the request that it implies": {
			to: func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Resources.Limits = cpu("1") },
			want: inplace.Change{
				Resources: map[string]corev1.ResourceRequirements{"log": {Requests: cpu("1"), Limits: cpu("1")}},
			},
		},
		"a label that a variable shows restarts the container": {
			both: func(p *corev1.PodTemplateSpec) { reads(&p.Spec.Containers[1], "metadata.labels['ver']") },
			to:   func(p *corev1.PodTemplateSpec) { p.Labels["ver"] = "2" },
			want: inplace.Change{Labels: map[string]*string{"ver": ptr.To("2")}, Restart: map[string]string{"log": "log:1"}},
		},
		"an annotation that a variable of a native sidecar shows restarts it": {
			both: func(p *corev1.PodTemplateSpec) { reads(&p.Spec.InitContainers[1], "metadata.annotations['note']") },
			to:   func(p *corev1.PodTemplateSpec) { p.Annotations = nil },
			want: inplace.Change{Annotations: map[string]*string{"note": nil}, Restart: map[string]string{"mesh": "mesh:1"}},
		},
		"a container with a new image restarts anyway": {
			both: func(p *corev1.PodTemplateSpec) { reads(&p.Spec.Containers[1], "metadata.labels['ver']") },
			to:   func(p *corev1.PodTemplateSpec) { p.Labels["ver"], p.Spec.Containers[1].Image = "2", "log:2" },
			want: inplace.Change{Labels: map[string]*string{"ver": ptr.To("2")}, Images: map[string]string{"log": "log:2"}},
		},
		"a variable that shows something else restarts nothing": {
			both: func(p *corev1.PodTemplateSpec) {
				reads(&p.Spec.Containers[0], "metadata.annotations['ver']")
				reads(&p.Spec.Containers[0], "metadata.name")
				reads(&p.Spec.Containers[1], "metadata.labels['app']")
			},
			to:   func(p *corev1.PodTemplateSpec) { p.Labels["ver"] = "2" },
			want: inplace.Change{Labels: map[string]*string{"ver": ptr.To("2")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := template(t, test.both)
			to := template(t, func(p *corev1.PodTemplateSpec) { call(test.both, p); call(test.to, p) })
			got, fixed := inplace.Difference(from, to, true)
			if diff := cmp.Diff([]string(nil), fixed); diff != "" {
				t.Errorf("fields that force recreation (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func call(change edit, template *corev1.PodTemplateSpec) {
	if change != nil {
		change(template)
	}
}

func TestDifferenceThatForcesRecreation(t *testing.T) {
	const spec = "spec.template.spec."
	for name, test := range map[string]struct {
		both, to  edit
		cannotFit bool // the cluster resizes no Pods
		want      []string
	}{
		"a variable": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env[0].Value = "2" },
			want: []string{spec + "containers[app].env"},
		},
		"a field of a probe": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].LivenessProbe.PeriodSeconds = 5 },
			want: []string{spec + "containers[app].livenessProbe.periodSeconds"},
		},
		"another kind of probe": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].LivenessProbe.ProbeHandler = corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}
			},
			want: []string{spec + "containers[app].livenessProbe.exec", spec + "containers[app].livenessProbe.httpGet"},
		},
		"no probe any more": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].LivenessProbe = nil },
			want: []string{spec + "containers[app].livenessProbe"},
		},
		"a container more, and one less": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Name = "logs" },
			want: []string{spec + "containers[log]", spec + "containers[logs]"},
		},
		"containers in another order": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0], p.Spec.Containers[1] = p.Spec.Containers[1], p.Spec.Containers[0]
			},
			want: []string{spec + "containers"},
		},
		"the image of an init container that has run, whose pull policy follows": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.InitContainers[0].Image = "setup:latest" },
			want: []string{spec + "initContainers[setup].image"},
		},
		"an init container becomes a native sidecar": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.InitContainers[0].RestartPolicy, p.Spec.InitContainers[0].Image = ptr.To(corev1.ContainerRestartPolicyAlways), "setup:2"
			},
			want: []string{spec + "initContainers[setup].image", spec + "initContainers[setup].restartPolicy"},
		},
		"a pull policy that somebody chose": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].ImagePullPolicy, p.Spec.Containers[0].Image = corev1.PullAlways, "app:2"
			},
			want: []string{spec + "containers[app].imagePullPolicy"},
		},
		"a field of a volume": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Volumes[0].ConfigMap.Name = "other" },
			want: []string{spec + "volumes[config].configMap.name"},
		},
		"a volume less": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Volumes = p.Spec.Volumes[:1] },
			want: []string{spec + "volumes[data]"},
		},
		"an added field, beside changes that could be made": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Image, p.Labels["ver"] = "app:2", "2"
				p.Spec.NodeSelector = map[string]string{"disk": "ssd"}
			},
			want: []string{spec + "nodeSelector[disk]"},
		},
		"a readiness gate": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "InPlaceUpdateReady"}}
			},
			want: []string{spec + "readinessGates"},
		},
		"kubectl rollout restart": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Annotations["kubectl.kubernetes.io/restartedAt"], p.Spec.Containers[0].Image = "now", "app:2"
			},
			want: []string{"spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]"},
		},
		"an init container that has run shows a label": {
			both: func(p *corev1.PodTemplateSpec) { reads(&p.Spec.InitContainers[0], "metadata.labels['ver']") },
			to:   func(p *corev1.PodTemplateSpec) { p.Labels["ver"] = "2" },
			want: []string{spec + "initContainers[setup].env"},
		},
		"the cluster resizes no Pods": {
			cannotFit: true,
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
				p.Spec.Containers[0].Resources.Limits = memory("1Gi")
			},
			want: []string{spec + "containers[app].resources.limits[memory]", spec + "containers[app].resources.requests[cpu]"},
		},
		"a limit goes": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Resources.Limits = nil },
			want: []string{spec + "containers[app].resources.limits[memory]"},
		},
		"another resource than cpu and memory": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
				p.Spec.Containers[0].Resources.Requests["ephemeral-storage"] = resource.MustParse("1Gi")
			},
			want: []string{spec + "containers[app].resources.requests[ephemeral-storage]"},
		},
		"amounts of an init container that has run": {
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.InitContainers[0].Resources.Requests = cpu("1") },
			want: []string{spec + "initContainers[setup].resources.requests[cpu]"},
		},
		"the QoS class would change": {
			both: func(p *corev1.PodTemplateSpec) {
				p.Spec.InitContainers, p.Spec.Containers[0].Resources = nil, corev1.ResourceRequirements{}
			},
			to:   func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Resources.Requests = cpu("1") },
			want: []string{spec + "containers[log].resources.requests[cpu]"},
		},
		"the Pod has resources of its own": {
			both: func(p *corev1.PodTemplateSpec) { p.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu("4")} },
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
			},
			want: []string{spec + "containers[app].resources.requests[cpu]"},
		},
		"a Windows Pod": {
			both: func(p *corev1.PodTemplateSpec) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} },
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
			},
			want: []string{spec + "containers[app].resources.requests[cpu]"},
		},
		"when a container is resized": {
			to: func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Resources.Requests["cpu"], p.Spec.Containers[0].ResizePolicy = resource.MustParse("2"), nil
			},
			want: []string{spec + "containers[app].resizePolicy"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := template(t, test.both)
			to := template(t, func(p *corev1.PodTemplateSpec) { call(test.both, p); call(test.to, p) })
			change, got := inplace.Difference(from, to, !test.cannotFit)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields that force recreation (-want +got):\n%s", diff)
			}
			if !change.Empty() {
				t.Errorf("a change that cannot be made is not empty: %+v", change)
			}
		})
	}
}

func TestDifferenceLeavesTheTemplatesAlone(t *testing.T) {
	from, to := template(t, nil), template(t, func(p *corev1.PodTemplateSpec) {
		p.Labels["ver"], p.Spec.Containers[0].Image = "2", "app:2"
		p.Spec.Containers[0].Resources.Requests["cpu"] = resource.MustParse("2")
	})
	fromBefore, toBefore := from.DeepCopy(), to.DeepCopy()
	inplace.Difference(from, to, true)
	if diff := cmp.Diff(fromBefore, from) + cmp.Diff(toBefore, to); diff != "" {
		t.Errorf("the templates were modified (-before +after):\n%s", diff)
	}
}
