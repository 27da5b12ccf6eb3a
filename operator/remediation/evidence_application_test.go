// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// mountScratch lets a container mount an emptyDir.
func mountScratch(pod *corev1.Pod, name string, readOnly bool) {
	pod.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	c := pods.Find(pod, name)
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "scratch", MountPath: "/scratch", ReadOnly: readOnly})
}

// mixed is a Pod with containers of the template (init, app, helper) and injected ones (the native sidecar mesh, the
// container agent), of which the kubelet has reported nothing yet.
func mixed() *Pod {
	pod := waiting("web-0", "n1", build.Epoch.Add(-long), "PodInitializing", "")
	pod.Spec.InitContainers = []corev1.Container{
		{Name: "init", Image: "init:1"},
		{Name: "mesh", Image: "mesh:1", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
	}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: image}, {Name: "helper", Image: "helper:1"}, {Name: "agent", Image: "agent:1"}}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{status("init", waitsFor("PodInitializing")), status("mesh", waitsFor("PodInitializing"))}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		status("app", waitsFor("PodInitializing")), status("helper", waitsFor("PodInitializing")), status("agent", waitsFor("PodInitializing")),
	}
	return &Pod{Pod: pod, Revision: revision, Right: true, Own: sets.New("init", "app", "helper")}
}

func status(name string, changes ...func(*corev1.ContainerStatus)) corev1.ContainerStatus {
	out := corev1.ContainerStatus{Name: name}
	for _, change := range changes {
		change(&out)
	}
	return out
}

func waitsFor(reason string) func(*corev1.ContainerStatus) {
	return func(s *corev1.ContainerStatus) {
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
}

func runs(s *corev1.ContainerStatus) {
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(-long)}}
	s.Started = ptr.To(true)
}

func endedWith(reason string, code int32) func(*corev1.ContainerStatus) {
	return func(s *corev1.ContainerStatus) {
		s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, FinishedAt: at(-long)}}
	}
}

func endedBefore(reason string, code int32) func(*corev1.ContainerStatus) {
	return func(s *corev1.ContainerStatus) {
		s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, FinishedAt: at(-long)}}
	}
}

func restarted(count int32) func(*corev1.ContainerStatus) {
	return func(s *corev1.ContainerStatus) { s.RestartCount = count }
}

// cannotStart is what a container shows that the runtime has made several times and never started.
func cannotStart(s *corev1.ContainerStatus) {
	for _, change := range []func(*corev1.ContainerStatus){waitsFor("CrashLoopBackOff"), endedBefore("StartError", 128), restarted(3)} {
		change(s)
	}
}

// crashing is what a container shows that runs and ends again and again.
func crashing(s *corev1.ContainerStatus) {
	for _, change := range []func(*corev1.ContainerStatus){waitsFor("CrashLoopBackOff"), endedBefore("Error", 3), restarted(3)} {
		change(s)
	}
}

// shows changes what the kubelet reports of a container.
func (p *Pod) shows(name string, changes ...func(*corev1.ContainerStatus)) *Pod {
	for _, change := range changes {
		change(pods.Status(p.Pod, name))
	}
	return p
}

// holding gives the Pod a volume, which a container mounts.
func (p *Pod) holding(name string, readOnly bool, source corev1.VolumeSource) *Pod {
	mountScratch(p.Pod, name, readOnly)
	p.Spec.Volumes[0].VolumeSource = source
	return p
}

var pullFails = waitsFor("ImagePullBackOff")

// The table of docs/remediation.md about Pods with injected containers, row by row.
func TestOnlyOwnContainersProveThatTheApplicationRan(t *testing.T) {
	emptyDir := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	ephemeral := corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}
	hostPath := corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}
	inline := corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}}
	claim := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}
	type want struct {
		Kind  evidenceKind
		Image string
		// Says is in what keeps the Pod from running.
		Says string
	}
	app, stuckApp := want{Kind: ambiguous, Image: image, Says: "app"}, want{Kind: hasStarted, Says: "container app"}
	for name, test := range map[string]struct {
		pod  *Pod
		want want
	}{
		// Did the application run?
		"an own container runs":                     {mixed().shows("helper", runs), want{Kind: hasStarted}},
		"an own container runs, another is stuck":   {mixed().shows("helper", runs).shows("app", pullFails), stuckApp},
		"an own container has ended":                {mixed().shows("helper", endedWith("Error", 1)), want{Kind: hasStarted}},
		"an own init container has ended":           {mixed().shows("init", endedWith("Completed", 0)).shows("app", pullFails), stuckApp},
		"an own container ran before":               {mixed().shows("helper", waitsFor(""), endedBefore("OOMKilled", 137)), want{Kind: hasStarted}},
		"an own container could not be started":     {mixed().shows("app", endedWith("StartError", 128)), app},
		"an own container could not be run":         {mixed().shows("app", endedWith("ContainerCannotRun", 127)), app},
		"an own container was made before":          {mixed().shows("app", pullFails, restarted(1)), stuckApp},
		"the Pod was Ready once":                    {wasOnceReady(mixed().shows("app", pullFails)), stuckApp},
		"an injected container is stuck beside it":  {mixed().shows("app", runs).shows("agent", pullFails), want{Kind: hasStarted, Says: "container agent"}},
		"no sandbox for what ran":                   {sandboxless(mixed().shows("app", endedBefore("Error", 1))), want{Kind: hasStarted, Says: "sandbox"}},
		"it ran, is stuck, and is going":            {terminating(mixed().shows("helper", runs).shows("app", pullFails)), want{Kind: hasStarted}},
		"nobody can tell which containers are own":  {allOwn(mixed().shows("mesh", runs).shows("app", pullFails)), stuckApp},
		"an own container crashes, and none stucks": {mixed().shows("app", crashing), want{Kind: hasStarted}},
		// Fails to start each time: it counts as run where an own container could have written what goes with the Pod.
		"fails to start each time":                              {mixed().shows("app", cannotStart), app},
		"fails to start, mounts an emptyDir":                    {mixed().shows("app", cannotStart).holding("app", false, emptyDir), stuckApp},
		"fails to start, mounts an ephemeral volume":            {mixed().shows("app", cannotStart).holding("app", false, ephemeral), stuckApp},
		"fails to start, mounts a hostPath":                     {mixed().shows("app", cannotStart).holding("app", false, hostPath), stuckApp},
		"fails to start, mounts an inline CSI volume":           {mixed().shows("app", cannotStart).holding("app", false, inline), stuckApp},
		"fails to start, mounts a claim":                        {mixed().shows("app", cannotStart).holding("app", false, claim), app},
		"fails to start, mounts an emptyDir read-only":          {mixed().shows("app", cannotStart).holding("app", true, emptyDir), app},
		"fails to start, another own one mounts an emptyDir":    {mixed().shows("app", cannotStart).holding("init", false, emptyDir), stuckApp},
		"fails to start, an injected one mounts an emptyDir":    {mixed().shows("app", cannotStart).holding("agent", false, emptyDir), app},
		"fails to start, has an ephemeral volume as a device":   {mixed().shows("app", cannotStart).device("app", ephemeral), stuckApp},
		"an injected one fails to start and mounts an emptyDir": {mixed().shows("mesh", cannotStart).holding("mesh", false, emptyDir), want{ambiguous, "mesh:1", "mesh"}},
		// Injected containers.
		"an injected container runs, and the application has no image": {mixed().shows("mesh", runs).shows("app", pullFails), app},
		"an injected container runs and writes to an emptyDir":         {mixed().shows("mesh", runs).holding("mesh", false, emptyDir).shows("app", pullFails), app},
		"an injected container was restarted and runs":                 {mixed().shows("mesh", runs, restarted(2), endedBefore("Error", 1)).shows("app", pullFails), app},
		"an injected container crashes, and the application has no image": {
			mixed().shows("agent", crashing).shows("app", pullFails), app,
		},
		"an injected container runs, and the application's image is on its way": {mixed().shows("mesh", runs).shows("app", waitsFor("ContainerCreating")), want{Kind: slowPull}},
		"an injected container cannot be pulled":                                {mixed().shows("mesh", pullFails), want{ambiguous, "mesh:1", "mesh"}},
		"an injected container cannot be started":                               {mixed().shows("mesh", cannotStart), want{ambiguous, "mesh:1", "mesh"}},
		"an injected container that ran cannot be pulled":                       {mixed().shows("mesh", pullFails, endedBefore("Error", 1), restarted(1)), want{ambiguous, "mesh:1", "mesh"}},
		"a native sidecar crashes":                                              {mixed().shows("mesh", crashing), want{sidecarFailing, "mesh:1", "container mesh exited with 3, 3 restarts (CrashLoopBackOff); see kubectl logs"}},
		"a native sidecar has crashed again":                                    {mixed().shows("mesh", crashing, endedWith("Error", 3)), want{sidecarFailing, "mesh:1", "container mesh exited with 3, 3 restarts"}},
		"a native sidecar fails its startup probe":                              {mixed().shows("mesh", crashing, runs, unstarted), want{sidecarFailing, "mesh:1", "container mesh exited with 3, 3 restarts"}},
		"an injected init container is through":                                 {mixed().shows("mesh", restarted(1), endedBefore("Error", 1), endedWith("Completed", 0)), want{Kind: slowPull}},
		"a native sidecar crashes, and an own container ran":                    {mixed().shows("mesh", crashing).shows("app", endedBefore("Error", 1)), want{Kind: hasStarted}},
	} {
		t.Run(name, func(t *testing.T) {
			e := classify(test.pod)
			got := want{Kind: e.kind, Image: e.image, Says: test.want.Says}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
			if test.want.Says == "" && e.kind == hasStarted && e.kubeletReason() != "" || !strings.Contains(e.kubeletReason(), test.want.Says) {
				t.Errorf("it is said %q, which is not about %q", e.kubeletReason(), test.want.Says)
			}
			if (e.kind == hasStarted) != (e.proof != (proof{})) {
				t.Errorf("%s is proved by %q", e.kind, e.proof)
			}
		})
	}
}

func unstarted(s *corev1.ContainerStatus) { s.Started = ptr.To(false) }

func allOwn(pod *Pod) *Pod {
	pod.Own = nil
	return pod
}

func terminating(pod *Pod) *Pod {
	pod.DeletionTimestamp = ptr.To(at(-short))
	return pod
}

func wasOnceReady(pod *Pod) *Pod {
	pods.Condition(pod.Pod, corev1.PodReady).LastTransitionTime = at(-short)
	return pod
}

func sandboxless(pod *Pod) *Pod {
	pods.Condition(pod.Pod, corev1.PodReadyToStartContainers).Status = corev1.ConditionFalse
	return pod
}

// device gives the Pod a volume that a container has as a raw device.
func (p *Pod) device(name string, source corev1.VolumeSource) *Pod {
	p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: source}}
	c := pods.Find(p.Pod, name)
	c.VolumeDevices = append(c.VolumeDevices, corev1.VolumeDevice{Name: "scratch", DevicePath: "/dev/scratch"})
	return p
}

func TestWhichContainersAreThePodsOwn(t *testing.T) {
	template := func(init, main string) *corev1.PodTemplateSpec {
		return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: init}}, Containers: []corev1.Container{{Name: main}},
		}}
	}
	for name, test := range map[string]struct {
		template *corev1.PodTemplateSpec
		want     sets.Set[string]
	}{
		"those of the template":                     {template("init", "app"), sets.New("init", "app")},
		"a Pod that was not made from the template": {template("init", "other"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, OwnContainers(mixed().Pod, test.template)); diff != "" {
				t.Errorf("own containers (-want +got):\n%s", diff)
			}
		})
	}
}

// What stays although it is stuck: said, with the way out, and nothing deleted.
func TestStuckPodsThatStay(t *testing.T) {
	for name, test := range map[string]struct {
		pod  *Pod
		want outcome
		says []string
	}{
		"the application has run, and another container is stuck": {
			mixed().shows("helper", runs).shows("app", pullFails), outcome{Condition: "False ApplicationStarted"},
			[]string{"Pod web-0 is stuck on node n1", "container app, image app:1: ImagePullBackOff", "its container helper has run", "delete the Pod yourself"},
		},
		"a native sidecar crashes": {
			mixed().shows("mesh", crashing), outcome{Condition: "False SidecarFailing"},
			[]string{"Pod web-0 cannot start on node n1", "container mesh exited with 3", "container mesh was injected, and has run on this node", "mend the sidecar"},
		},
		"a native sidecar crashes, and not for long": {since(mixed().shows("mesh", crashing), short), outcome{}, nil},
		"the application has run, and another container is not stuck for long": {
			since(mixed().shows("helper", runs).shows("app", pullFails), short), outcome{}, nil,
		},
		"the application ran for long, and the same container is stuck only now": {
			mixed().shows("app", pullFails, func(s *corev1.ContainerStatus) {
				s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", FinishedAt: at(-short)}
			}), outcome{}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			sc := newScene("n1", "n2").put(test.pod.Pod).last(func(p *Pod) { p.Own = test.pod.Own }).running("n2")
			plan := decide(sc.snapshot)
			if diff := cmp.Diff(test.want, outcomeOf(sc.snapshot, plan)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			condition := makeResult(sc.snapshot, plan, "", false).Condition
			for _, words := range test.says {
				if !strings.Contains(condition.Message, words) {
					t.Errorf("%q is not in %q", words, condition.Message)
				}
			}
			if test.want.Condition == "" && plan.RequeueAfter <= 0 {
				t.Error("nobody looks again when it will have waited for long enough")
			}
		})
	}
}

// since lets the Pod wait for less long.
func since(pod *Pod, span time.Duration) *Pod {
	pod.Status.StartTime = ptr.To(at(-span))
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastTransitionTime = at(-span)
	}
	return pod
}

// A Pod that is to stay for good hides no other that would be moved if a gate opened.
func TestAPodThatStaysIsNamedLast(t *testing.T) {
	stays := mixed().shows("mesh", crashing)
	sc := newScene("n1", "n2").put(stays.Pod).last(func(p *Pod) { p.Own = stays.Own }).failing("n1", long).running("n2")
	sc.snapshot.NamespaceServed = false
	condition := makeResult(sc.snapshot, decide(sc.snapshot), "", false).Condition
	if condition.Reason != "CannotExclude" || !strings.Contains(condition.Message, "Other stuck Pods: 1 (SidecarFailing)") {
		t.Errorf("%s: %s", condition.Reason, condition.Message)
	}
}
