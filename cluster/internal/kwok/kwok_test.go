// SPDX-License-Identifier: Apache-2.0

package kwok

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/kwok/pkg/utils/expression"
	"sigs.k8s.io/kwok/pkg/utils/gotpl"
	"sigs.k8s.io/yaml"
)

// simulation plays the Stages on one Pod as the kwok program would, with its own query and template engines, but
// without waiting.
type simulation struct {
	t        *testing.T
	pod      *corev1.Pod
	query    *expression.Query
	renderer gotpl.Renderer
}

func newSimulation(t *testing.T, pod string) *simulation {
	t.Helper()
	query, err := expression.NewQuery(actionQuery)
	if err != nil {
		t.Fatal(err)
	}
	s := &simulation{t: t, pod: &corev1.Pod{}, query: query, renderer: gotpl.NewRenderer(gotpl.FuncMap{
		"NodeIPsWith": func(string) []string { return []string{"10.77.0.1"} },
		"PodIPsWith":  func(string, bool, string, string, string) []string { return []string{"10.79.0.7"} },
	})}
	if err := yaml.UnmarshalStrict([]byte(pod), s.pod); err != nil {
		t.Fatal(err)
	}
	s.pod.Generation = 1
	s.pod.Spec.NodeName = "kwok-1"
	return s
}

// action is what the simulated kubelet would do next.
func (s *simulation) action() string {
	s.t.Helper()
	out, err := s.query.Execute(context.Background(), s.pod)
	if err != nil || len(out) != 1 {
		s.t.Fatalf("action query: %v, %v", out, err)
	}
	return out[0].(string)
}

// settle plays until there is nothing to do and returns the actions.
func (s *simulation) settle() []string {
	s.t.Helper()
	var actions []string
	for action := s.action(); action != "none"; action = s.action() {
		actions = append(actions, action)
		if action == "delete" || len(actions) > 10 {
			break
		}
		s.play(action)
	}
	return actions
}

// play renders the Stage's template and merges it into the status like the API server.
func (s *simulation) play(action string) {
	s.t.Helper()
	text := podStage{action: action}.object()["spec"].(object)["next"].(object)["statusTemplate"].(string)
	status, err := s.renderer.ToJSON(text, s.pod)
	if err != nil {
		s.t.Fatal(err)
	}
	before, err := json.Marshal(s.pod)
	if err != nil {
		s.t.Fatal(err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, fmt.Appendf(nil, `{"status":%s}`, status), corev1.Pod{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pod = &corev1.Pod{}
	if err := json.Unmarshal(after, s.pod); err != nil {
		s.t.Fatal(err)
	}
}

// setImage changes a container's image as a user would.
func (s *simulation) setImage(name, image string) {
	for _, list := range [][]corev1.Container{s.pod.Spec.InitContainers, s.pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				list[i].Image = image
			}
		}
	}
	s.pod.Generation++
}

// summary is the status in a line per container and one for the Pod.
func (s *simulation) summary() []string {
	ready := "?"
	for _, c := range s.pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			ready = string(c.Status)
		}
	}
	lines := []string{fmt.Sprintf("%s Ready=%s observed=%d", s.pod.Status.Phase, ready, s.pod.Status.ObservedGeneration)}
	for _, list := range [][]corev1.ContainerStatus{s.pod.Status.InitContainerStatuses, s.pod.Status.ContainerStatuses} {
		for _, c := range list {
			lines = append(lines, fmt.Sprintf("%s %s restarts=%d %s", c.Name, c.Image, c.RestartCount, stateOf(c)))
		}
	}
	return lines
}

func stateOf(c corev1.ContainerStatus) string {
	switch {
	case c.State.Running != nil:
		return "running"
	case c.State.Terminated != nil:
		return "terminated " + c.State.Terminated.Reason
	case c.State.Waiting != nil:
		return "waiting " + c.State.Waiting.Reason
	}
	return "unknown"
}

func (s *simulation) expect(when string, wantActions, want []string) {
	s.t.Helper()
	if diff := cmp.Diff(wantActions, s.settle()); diff != "" {
		s.t.Errorf("%s: actions (-want +got):\n%s", when, diff)
	}
	if diff := cmp.Diff(want, s.summary()); diff != "" {
		s.t.Errorf("%s: status (-want +got):\n%s", when, diff)
	}
}

const twoContainers = `
metadata: {name: p, namespace: d, uid: u}
spec:
  restartPolicy: Always
  containers: [{name: app, image: "x.io/app:v1"}, {name: log, image: "x.io/log:v1"}]
`

func TestImageChangeRestartsThatContainerAlone(t *testing.T) {
	s := newSimulation(t, twoContainers)
	s.expect("creation", []string{"create", "start"},
		[]string{"Running Ready=True observed=1", "app x.io/app:v1 restarts=0 running", "log x.io/log:v1 restarts=0 running"})
	before := s.pod.Status.ContainerStatuses
	s.setImage("app", "x.io/app:v2")
	s.expect("change", []string{"kill", "start"},
		[]string{"Running Ready=True observed=2", "app x.io/app:v2 restarts=1 running", "log x.io/log:v1 restarts=0 running"})
	after := s.pod.Status.ContainerStatuses
	if diff := cmp.Diff(before[1].ContainerID, after[1].ContainerID); diff != "" {
		t.Errorf("the other container is another one (-before +after):\n%s", diff)
	}
	if before[0].ImageID == after[0].ImageID || before[0].ContainerID == after[0].ContainerID {
		t.Errorf("image and container IDs stayed: %s, %s", after[0].ImageID, after[0].ContainerID)
	}
}

func TestKilledContainerIsNotReady(t *testing.T) {
	s := newSimulation(t, twoContainers)
	s.settle()
	s.setImage("app", "x.io/app:v2")
	s.play("kill")
	want := []string{"Running Ready=False observed=2", "app x.io/app:v1 restarts=0 terminated Completed", "log x.io/log:v1 restarts=0 running"}
	if diff := cmp.Diff(want, s.summary()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestBadImage(t *testing.T) {
	s := newSimulation(t, twoContainers)
	s.setImage("app", "x.io/app:bad")
	s.expect("creation", []string{"create", "start", "fail", "fail"},
		[]string{"Pending Ready=False observed=2", "app x.io/app:bad restarts=0 waiting ImagePullBackOff", "log x.io/log:v1 restarts=0 running"})
	s.setImage("app", "x.io/app:v1")
	s.expect("recovery", []string{"start"},
		[]string{"Running Ready=True observed=3", "app x.io/app:v1 restarts=0 running", "log x.io/log:v1 restarts=0 running"})
	s.setImage("app", "x.io/app:bad-2")
	s.expect("bad update", []string{"kill", "fail", "fail"},
		[]string{"Running Ready=False observed=4", "app x.io/app:v1 restarts=0 waiting ImagePullBackOff", "log x.io/log:v1 restarts=0 running"})
	s.setImage("app", "x.io/app:v3")
	s.expect("recovery from a bad update", []string{"start"},
		[]string{"Running Ready=True observed=5", "app x.io/app:v3 restarts=1 running", "log x.io/log:v1 restarts=0 running"})
}

func TestBadNode(t *testing.T) {
	s := newSimulation(t, twoContainers)
	s.pod.Spec.NodeName = "bad-kwok-1"
	s.expect("creation", []string{"create", "fail", "fail"}, []string{"Pending Ready=False observed=1",
		"app x.io/app:v1 restarts=0 waiting ImagePullBackOff", "log x.io/log:v1 restarts=0 waiting ImagePullBackOff"})
}

const withInit = `
metadata: {name: p, namespace: d, uid: u}
spec:
  restartPolicy: Always
  initContainers:
  - {name: init, image: "x.io/init:v1"}
  - {name: side, image: "x.io/side:v1", restartPolicy: Always}
  containers: [{name: app, image: "x.io/app:v1"}]
`

func TestInitContainers(t *testing.T) {
	s := newSimulation(t, withInit)
	s.expect("creation", []string{"create", "start"}, []string{"Running Ready=True observed=1",
		"init x.io/init:v1 restarts=0 terminated Completed", "side x.io/side:v1 restarts=0 running", "app x.io/app:v1 restarts=0 running"})
	s.setImage("side", "x.io/side:v2")
	s.expect("a sidecar's new image", []string{"kill", "start"}, []string{"Running Ready=True observed=2",
		"init x.io/init:v1 restarts=0 terminated Completed", "side x.io/side:v2 restarts=1 running", "app x.io/app:v1 restarts=0 running"})
	s.setImage("side", "x.io/side:bad")
	s.expect("a sidecar's bad image", []string{"kill", "fail", "fail"}, []string{"Running Ready=False observed=3",
		"init x.io/init:v1 restarts=0 terminated Completed", "side x.io/side:v2 restarts=1 waiting ImagePullBackOff", "app x.io/app:v1 restarts=0 running"})
	s.setImage("init", "x.io/init:v2")
	s.expect("an ended init container's new image", []string{"settle"}, []string{"Running Ready=False observed=4",
		"init x.io/init:v1 restarts=0 terminated Completed", "side x.io/side:v2 restarts=1 waiting ImagePullBackOff", "app x.io/app:v1 restarts=0 running"})
}

func TestApplicationWaitsForInitContainers(t *testing.T) {
	s := newSimulation(t, strings.Replace(withInit, "x.io/init:v1", "x.io/init:bad", 1))
	s.expect("creation", []string{"create", "start", "fail", "fail"}, []string{"Pending Ready=False observed=1",
		"init x.io/init:bad restarts=0 waiting ImagePullBackOff", "side x.io/side:v1 restarts=0 running", "app x.io/app:v1 restarts=0 waiting PodInitializing"})
}

func TestReadinessGates(t *testing.T) {
	s := newSimulation(t, twoContainers+"  readinessGates: [{conditionType: example.com/gate}]\n")
	containers := []string{"app x.io/app:v1 restarts=0 running", "log x.io/log:v1 restarts=0 running"}
	s.expect("creation", []string{"create", "start"}, append([]string{"Running Ready=False observed=1"}, containers...))
	for _, c := range s.pod.Status.Conditions {
		if c.Type == "example.com/gate" {
			t.Errorf("the gate's condition was written: %v", c)
		}
	}
	setGate := func(status corev1.ConditionStatus) {
		gate := corev1.PodCondition{Type: "example.com/gate", Status: status}
		s.pod.Status.Conditions = append([]corev1.PodCondition{gate}, s.pod.Status.Conditions...)
	}
	setGate("True")
	s.expect("the gate opens", []string{"settle"}, append([]string{"Running Ready=True observed=1"}, containers...))
	s.pod.Status.Conditions = s.pod.Status.Conditions[1:]
	setGate("False")
	s.expect("the gate closes", []string{"settle"}, append([]string{"Running Ready=False observed=1"}, containers...))
}

func TestFailureByAnnotation(t *testing.T) {
	s := newSimulation(t, twoContainers)
	s.settle()
	fail := func(reason string) { s.pod.Annotations = map[string]string{"kwok.windlass.dev/fail-app": reason} }
	fail("ErrImagePull")
	s.expect("a running container does not notice a failed pull", nil,
		[]string{"Running Ready=True observed=1", "app x.io/app:v1 restarts=0 running", "log x.io/log:v1 restarts=0 running"})
	fail("CrashLoopBackOff")
	s.expect("a crash", []string{"kill"},
		[]string{"Running Ready=False observed=1", "app x.io/app:v1 restarts=1 waiting CrashLoopBackOff", "log x.io/log:v1 restarts=0 running"})
	s.pod.Annotations = nil
	s.expect("the annotation goes", []string{"start"},
		[]string{"Running Ready=True observed=1", "app x.io/app:v1 restarts=2 running", "log x.io/log:v1 restarts=0 running"})
}

func TestResourcesFollow(t *testing.T) {
	s := newSimulation(t, strings.Replace(twoContainers, `"x.io/app:v1"`, `"x.io/app:v1", resources: {requests: {cpu: 500m}}`, 1))
	s.settle()
	cpu := s.pod.Status.ContainerStatuses[0].AllocatedResources[corev1.ResourceCPU]
	if diff := cmp.Diff("500m", cpu.String()); diff != "" {
		t.Errorf("allocated (-want +got):\n%s", diff)
	}
	s.pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("700m")
	s.expect("resize", []string{"settle"},
		[]string{"Running Ready=True observed=1", "app x.io/app:v1 restarts=0 running", "log x.io/log:v1 restarts=0 running"})
	cpu = s.pod.Status.ContainerStatuses[0].AllocatedResources[corev1.ResourceCPU]
	if diff := cmp.Diff("700m", cpu.String()); diff != "" {
		t.Errorf("allocated (-want +got):\n%s", diff)
	}
}

func TestJobsComplete(t *testing.T) {
	job := strings.Replace(twoContainers, "uid: u", "uid: u, ownerReferences: [{kind: Job, name: j, apiVersion: batch/v1, uid: v}]", 1)
	s := newSimulation(t, strings.Replace(job, "restartPolicy: Always", "restartPolicy: Never", 1))
	s.expect("creation", []string{"create", "start", "complete"}, []string{"Succeeded Ready=False observed=1",
		"app x.io/app:v1 restarts=0 terminated Completed", "log x.io/log:v1 restarts=0 terminated Completed"})
}

func TestConfigIsAStreamOfKwokObjects(t *testing.T) {
	data, err := Config()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for document := range strings.SplitSeq(string(data), "---\n") {
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(head.Kind+" "+head.Metadata.Name))
	}
	want := []string{"KwokConfiguration", "Stage node-ready", "Stage pod-create", "Stage pod-kill", "Stage pod-start",
		"Stage pod-fail", "Stage pod-settle", "Stage pod-complete", "Stage pod-delete"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}
