// SPDX-License-Identifier: Apache-2.0

package pods_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/podcache"
	"github.com/windlass-operator/windlass/internal/pods"
	build "github.com/windlass-operator/windlass/internal/testing"
)

// edit changes a Pod crash-0 of namespace shop that runs and is Ready.
type edit func(pod *corev1.Pod)

func madeFrom(edits ...edit) *corev1.Pod {
	pod := build.MakePod("crash-0").Namespace("shop").Obj()
	for _, e := range edits {
		e(pod)
	}
	return pod
}

func notReady(pod *corev1.Pod) {
	build.SetReady(pod, false, build.Epoch)
	pod.Status.Conditions[0].Reason = "ContainersNotReady"
	pod.Status.ContainerStatuses[0].Ready = false
}

func waits(reason, message string) edit {
	return func(pod *corev1.Pod) {
		notReady(pod)
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
}

// before lets the container have ended before.
func before(restarts int32, t corev1.ContainerStateTerminated) edit {
	return func(pod *corev1.Pod) {
		s := &pod.Status.ContainerStatuses[0]
		s.RestartCount, s.LastTerminationState = restarts, corev1.ContainerState{Terminated: &t}
	}
}

func terminated(t corev1.ContainerStateTerminated) edit {
	return func(pod *corev1.Pod) {
		notReady(pod)
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &t}
	}
}

func probes(liveness, readiness, startup bool) edit {
	return func(pod *corev1.Pod) {
		c := &pod.Spec.Containers[0]
		for _, each := range []struct {
			has  bool
			into **corev1.Probe
		}{{liveness, &c.LivenessProbe}, {readiness, &c.ReadinessProbe}, {startup, &c.StartupProbe}} {
			if each.has {
				*each.into = &corev1.Probe{PeriodSeconds: 3}
			}
		}
	}
}

func started(yes bool) edit {
	return func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Started = &yes }
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason, message string) edit {
	return func(pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: message})
	}
}

func unplaced(pod *corev1.Pod) {
	pod.Spec.NodeName, pod.Status = "", corev1.PodStatus{Phase: corev1.PodPending}
}

func initContainer(restart *corev1.ContainerRestartPolicy, state corev1.ContainerState) edit {
	return func(pod *corev1.Pod) {
		pod.Spec.InitContainers = []corev1.Container{{Name: "first", Image: "first:1", RestartPolicy: restart}}
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "first", Image: "first:1", State: state}}
	}
}

// The words for a Pod are the same whether the whole Pod is asked or what a cache keeps of it.
func TestTroubleNamesWhatIsWrong(t *testing.T) {
	const logs = "see kubectl logs -n shop crash-0 -c app"
	failure := func(code int32) corev1.ContainerStateTerminated {
		return corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error"}
	}
	crash := waits("CrashLoopBackOff", "back-off 40s restarting failed container=app pod=crash-0_shop(1)")
	for name, test := range map[string]struct {
		edits        []edit
		want, broken string
	}{
		"a Pod that is Ready": {nil, "", ""},

		"a container that crashes": {[]edit{crash, before(4, failure(3))},
			"container app exited with 3, 4 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"a container that ends well, though it should not end": {[]edit{crash, before(1, corev1.ContainerStateTerminated{Reason: "Completed"})},
			"container app exited with 0, 1 restart (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"a crash of which no more is known": {[]edit{crash},
			"container app ends again and again, 0 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"a container that was started again a moment ago": {[]edit{notReady, before(4, failure(3))},
			"container app exited with 3, 4 restarts; " + logs + " --previous", ""},
		"a container that was started again and has not passed its startup probe": {[]edit{notReady, probes(false, true, true), started(false), before(4, failure(3))},
			"container app exited with 3, 4 restarts; " + logs + " --previous", ""},
		"a container that has just ended": {[]edit{terminated(failure(3)), before(2, failure(3))},
			"container app exited with 3, 2 restarts; " + logs, ""},
		"out of memory": {[]edit{crash, before(2, corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}), func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
		}}, "container app was killed for its memory (OOMKilled, limit 64Mi), 2 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"killed, with a liveness probe": {[]edit{crash, probes(true, false, false), before(2, failure(137))},
			"container app exited with 137, perhaps because its liveness probe failed, 2 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"killed, with a startup probe": {[]edit{crash, probes(false, false, true), before(2, failure(143))},
			"container app exited with 143, perhaps because its startup probe failed, 2 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"killed, with no probe": {[]edit{crash, before(2, failure(137))},
			"container app exited with 137, 2 restarts (CrashLoopBackOff); " + logs + " --previous", "CrashLoopBackOff"},
		"a command that is not there": {
			[]edit{crash, before(2, corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: `exec: "/srv": no such file`})},
			`container app could not be started, exit code 128: exec: "/srv": no such file, 2 restarts (CrashLoopBackOff); ` + logs + " --previous", "CrashLoopBackOff",
		},

		"a readiness probe that fails": {[]edit{notReady, probes(true, true, true), started(true)}, "container app is not ready: its readiness probe fails", ""},
		"a readiness probe that fails after a restart long ago": {[]edit{notReady, probes(false, true, false), started(true), before(1, failure(3))},
			"container app is not ready: its readiness probe fails", ""},
		"a startup probe that has not succeeded": {[]edit{notReady, probes(false, true, true), started(false)},
			"container app is not ready: its startup probe has not succeeded yet", ""},
		"a container without probes that is not ready": {[]edit{notReady}, "container app is not ready", ""},

		"an image that is not there": {
			[]edit{waits("ErrImagePull", `failed to pull and unpack image "r/app:v9": failed to resolve reference "r/app:v9": r/app:v9: not found`)},
			"container app: image app:1 cannot be pulled: not found (ErrImagePull)", "ErrImagePull",
		},
		"an image that may not be pulled": {[]edit{waits("ImagePullBackOff", `Back-off pulling image "r/app:v9": ErrImagePull: unexpected status: 401 Unauthorized`)},
			"container app: image app:1 cannot be pulled: 401 Unauthorized (ImagePullBackOff)", "ImagePullBackOff"},
		"an image of which the kubelet says no more": {[]edit{waits("ImagePullBackOff", "")},
			"container app: image app:1 cannot be pulled (ImagePullBackOff)", "ImagePullBackOff"},
		"an image whose name is none": {[]edit{waits("InvalidImageName", "x")}, `container app: "app:1" is not the name of an image (InvalidImageName)`, "InvalidImageName"},
		"an image that must be there": {[]edit{waits("ErrImageNeverPull", "x")},
			"container app: image app:1 is not on node node-1 and is never pulled (ErrImageNeverPull)", "ErrImageNeverPull"},
		"a ConfigMap that is not there": {[]edit{waits("CreateContainerConfigError", `configmap "settings" not found`)},
			`container app: cannot be made: configmap "settings" not found (CreateContainerConfigError)`, "CreateContainerConfigError"},
		"a reason that nobody knows": {[]edit{waits("Sleeping", "")}, "container app: Sleeping", ""},

		"an init container that crashes, and containers that wait for it": {[]edit{
			initContainer(nil, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}), waits("PodInitializing", ""),
		}, "init container first ends again and again, 0 restarts (CrashLoopBackOff); see kubectl logs -n shop crash-0 -c first --previous", "CrashLoopBackOff"},
		"an init container that runs": {[]edit{initContainer(nil, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), waits("PodInitializing", "")},
			"init container first has not finished yet", ""},
		"an init container that is through": {[]edit{initContainer(nil, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}})}, "", ""},
		"a native sidecar that is not ready": {[]edit{
			initContainer(ptr.To(corev1.ContainerRestartPolicyAlways), corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), waits("PodInitializing", ""),
		}, "container first is not ready", ""},
		"containers that are about to start": {[]edit{waits("ContainerCreating", "")}, "its containers are about to start", ""},

		"no node takes it": {
			[]edit{unplaced, condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable, "0/3 nodes are available: 3 Insufficient cpu.")},
			"no node takes it: 0/3 nodes are available: 3 Insufficient cpu. (Unschedulable)", "Unschedulable",
		},
		"scheduling gates": {[]edit{unplaced, condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonSchedulingGated, "x"), func(pod *corev1.Pod) {
			pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}, {Name: "example.com/review"}}
		}}, "it waits for its scheduling gates: example.com/quota, example.com/review", ""},
		"not looked at by the scheduler yet": {[]edit{unplaced}, "it has no node yet", ""},
		"a node that does not answer": {[]edit{func(pod *corev1.Pod) { build.SetReady(pod, false, build.Epoch) }, condition(corev1.ContainersReady, corev1.ConditionTrue, "", "")},
			"node node-1 does not answer", ""},
		"a readiness gate that is closed": {[]edit{func(pod *corev1.Pod) {
			build.SetReady(pod, false, build.Epoch)
			pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/lb"}}
		}, condition(corev1.ContainersReady, corev1.ConditionTrue, "", ""), condition("example.com/lb", corev1.ConditionFalse, "", "no target")},
			"readiness gate example.com/lb is not True: no target", ""},
		"a readiness gate that nobody has set": {[]edit{func(pod *corev1.Pod) {
			build.SetReady(pod, false, build.Epoch)
			pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/lb"}}
		}}, "readiness gate example.com/lb has not been set", ""},

		"evicted": {[]edit{func(pod *corev1.Pod) {
			pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
		}}, "it failed: Evicted: The node was low on resource: memory.", "Failed"},
		"failed by its container": {[]edit{terminated(failure(3)), func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed }},
			"it failed: container app exited with 3; " + logs, "Failed"},
		"ended": {[]edit{func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }}, "all of its containers have ended", ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := madeFrom(test.edits...)
			trimmed, err := podcache.Trim(pod)
			if err != nil {
				t.Fatal(err)
			}
			for seen, p := range map[string]*corev1.Pod{"whole": pod, "trimmed": trimmed.(*corev1.Pod)} {
				if diff := cmp.Diff([]string{test.want, test.broken}, []string{pods.Trouble(p), pods.Broken(p)}); diff != "" {
					t.Errorf("of the %s Pod (-want +got):\n%s", seen, diff)
				}
			}
		})
	}
}

func TestGoingNamesWhatHoldsAPod(t *testing.T) {
	soon, long := build.Epoch.Add(time.Second), build.Epoch.Add(time.Hour)
	finalizers := func(pod *corev1.Pod) { pod.Finalizers = []string{"example.com/hold", "example.com/b"} }
	going := func(pod *corev1.Pod) { pod.DeletionTimestamp = ptr.To(metav1.NewTime(build.Epoch)) }
	for name, test := range map[string]struct {
		edits []edit
		now   time.Time
		want  string
	}{
		"a Pod that is not going":         {[]edit{finalizers}, long, ""},
		"a Pod within its grace period":   {[]edit{going}, soon, ""},
		"finalizers":                      {[]edit{going, finalizers}, soon, "finalizers example.com/hold, example.com/b"},
		"a kubelet that does not answer":  {[]edit{going}, long, "node node-1 has not stopped it although its grace period is over"},
		"both":                            {[]edit{going, finalizers}, long, "finalizers example.com/hold, example.com/b; node node-1 has not stopped it although its grace period is over"},
		"stopped, and held by finalizers": {[]edit{going, finalizers, terminated(corev1.ContainerStateTerminated{})}, long, "finalizers example.com/hold, example.com/b"},
		"a Pod without a node":            {[]edit{going, unplaced}, long, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := madeFrom(test.edits...)
			if got := pods.Going(pod, test.now); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if wait := pods.GoingLooksAgain(pod, test.now); wait > 0 && pods.GoingLooksAgain(pod, test.now.Add(wait)) != 0 {
				t.Errorf("after %s there is still more to wait for", wait)
			}
		})
	}
}

func TestNobodyElsesWordsFillAMessage(t *testing.T) {
	long := make([]byte, 4096)
	for i := range long {
		long[i] = 'x'
	}
	if got := pods.Trouble(madeFrom(waits("CreateContainerConfigError", string(long)))); len(got) > 300 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestCrashedIsTheKubeletsWordForTheFirstFailure(t *testing.T) {
	for name, test := range map[string]struct {
		edits []edit
		want  string
	}{
		"a Pod that is Ready":         {nil, ""},
		"a container that failed":     {[]edit{terminated(corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"})}, "Error"},
		"out of memory":               {[]edit{terminated(corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"})}, "OOMKilled"},
		"a failure without a reason":  {[]edit{terminated(corev1.ContainerStateTerminated{ExitCode: 3})}, "Error"},
		"a container that ended well": {[]edit{terminated(corev1.ContainerStateTerminated{Reason: "Completed"})}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pods.Crashed(madeFrom(test.edits...)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
