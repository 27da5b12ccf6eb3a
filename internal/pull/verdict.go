// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/windlass-operator/windlass/internal/pods"
	"github.com/windlass-operator/windlass/internal/shorten"
)

// State is what is known of an image on a node.
type State string

const (
	// Pulling means that nothing is known yet.
	Pulling State = "Pulling"
	// Has means that the node has the image.
	Has State = "Has"
	// Cannot means that the node cannot get it.
	Cannot State = "Cannot"
	// SaysNothing means that the puller could not find out.
	SaysNothing State = "SaysNothing"
)

// Verdict is what a puller shows.
type Verdict struct {
	State State
	// Words are the kubelet's, or the registry's behind it. They do not change from one try of the kubelet to the next.
	Words string
	// In is when the verdict turns if the puller stays as it is, 0 for never.
	In time.Duration
}

// Patience is how long a puller is given.
type Patience struct {
	Now time.Time
	// FailingSince is when the kubelet was first seen to fail, zero when it was not. Failing is how long it may.
	FailingSince time.Time
	Failing      time.Duration
	// Timeout is how long the whole may take.
	Timeout time.Duration
}

const (
	// taken is how long a kubelet has to take a puller.
	taken = time.Minute
	// maxWords is how much of the registry's words is kept.
	maxWords = 300
)

// failures are what a kubelet says while it tries again and again. hopeless are what it says of what no try mends, and
// pulled what it says of a container once its image is there.
var (
	failures = map[string]bool{
		"ErrImagePull": true, "ImagePullBackOff": true, "ImageInspectError": true, "RegistryUnavailable": true,
		"SignatureValidationFailed": true,
	}
	hopeless = map[string]bool{"InvalidImageName": true, "ErrImageNeverPull": true}
	pulled   = map[string]bool{
		"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true, "CrashLoopBackOff": true,
	}
)

// Judge reads what a puller shows:
//
//	an imageID, an end, or why the container was not made    the node has the image: a kubelet pulls first
//	a pull that fails, for as long as may be                 it cannot get it
//	a name that is none, a policy that forbids to pull       it cannot get it
//	no end in time                                           it cannot get it
//	not taken by the kubelet, evicted, held by somebody's    nothing
func Judge(puller *corev1.Pod, p Patience) Verdict {
	status := pods.Status(puller, ContainerName)
	reason := waiting(status)
	switch {
	case hasImage(status, reason):
		return Verdict{State: Has}
	case hopeless[reason]:
		return Verdict{State: Cannot, Words: words(status)}
	case pods.Ended(puller):
		return ended(puller, p)
	case failures[reason] && !p.FailingSince.IsZero():
		return p.by(p.FailingSince.Add(p.Failing), puller, Verdict{State: Cannot, Words: words(status)})
	case puller.Status.StartTime == nil:
		return p.by(puller.CreationTimestamp.Add(taken), puller, Verdict{State: SaysNothing, Words: fmt.Sprintf(
			"the kubelet of node %s did not take Pod %s/%s within %v", puller.Spec.NodeName, puller.Namespace, puller.Name, taken)})
	case len(puller.Spec.InitContainers) > 0:
		return p.by(began(puller).Add(p.Timeout), puller, Verdict{State: SaysNothing, Words: fmt.Sprintf(
			"Pod %s/%s was given init containers, and did not come to an end within %v", puller.Namespace, puller.Name, p.Timeout)})
	}
	return p.timedOut(puller)
}

// Fails reports whether the kubelet says that the pull of a puller fails.
func Fails(puller *corev1.Pod) bool { return failures[waiting(pods.Status(puller, ContainerName))] }

// by is a verdict that is due at a time; until then nothing is known. The pull as a whole may have come to its end before.
func (p Patience) by(due time.Time, puller *corev1.Pod, v Verdict) Verdict {
	left := due.Sub(p.Now)
	if left <= 0 {
		return v
	}
	if out := p.timedOut(puller); out.State != Pulling || out.In < left {
		return out
	}
	return Verdict{State: Pulling, In: left}
}

// timedOut is the verdict on a pull that does not end.
func (p Patience) timedOut(puller *corev1.Pod) Verdict {
	if left := began(puller).Add(p.Timeout).Sub(p.Now); left > 0 {
		return Verdict{State: Pulling, In: left}
	}
	return Verdict{State: Cannot, Words: notInTime(p.Timeout)}
}

func notInTime(timeout time.Duration) string {
	return fmt.Sprintf("the pull did not end within %.0f s", timeout.Seconds())
}

// began is when the time for the pull began to run.
func began(puller *corev1.Pod) time.Time {
	if puller.Status.StartTime != nil {
		return puller.Status.StartTime.Time
	}
	return puller.CreationTimestamp.Time
}

// ended is the verdict on a puller that will not run again and of which no container was made. Its own deadline comes after
// the time for the pull: one that it has met before, somebody else has set.
func ended(puller *corev1.Pod, p Patience) Verdict {
	if puller.Status.Reason == "DeadlineExceeded" && p.timedOut(puller).State == Cannot {
		return Verdict{State: Cannot, Words: notInTime(p.Timeout)}
	}
	text := fmt.Sprintf("Pod %s/%s on node %s: %s", puller.Namespace, puller.Name, puller.Spec.NodeName, puller.Status.Reason)
	if puller.Status.Message != "" {
		text += ": " + puller.Status.Message
	}
	return Verdict{State: SaysNothing, Words: shorten.To(text, maxWords)}
}

// hasImage reports whether what the kubelet says of the container says that the image is there. Where it no longer knows
// what became of a container, it calls it terminated too.
func hasImage(status *corev1.ContainerStatus, reason string) bool {
	if status == nil {
		return false
	}
	end := status.State.Terminated
	return status.ImageID != "" || end != nil && end.Reason != "ContainerStatusUnknown" || status.State.Running != nil || pulled[reason]
}

func waiting(status *corev1.ContainerStatus) string {
	if status == nil || status.State.Waiting == nil {
		return ""
	}
	return status.State.Waiting.Reason
}

// backOff is what a kubelet puts before the words of the last try while it waits for the next one.
var backOff = regexp.MustCompile(`^Back-off pulling image "[^"]*":? ?([A-Za-z]+: )?`)

// runtimes is what runtimes put before the words of the registry. It names the image again, and messages are short.
var runtimes = regexp.MustCompile(`^(rpc error: code = \w+ desc = )?failed to pull and unpack image "[^"]*": ` +
	`(failed to resolve (image|reference "[^"]*"): )?`)

// words are the kubelet's, or the registry's behind them, the same whether it tries or waits for its next try.
func words(status *corev1.ContainerStatus) string {
	text := status.State.Waiting.Message
	if short := backOff.ReplaceAllString(text, ""); short != "" {
		text = short
	}
	text = strings.TrimSpace(runtimes.ReplaceAllString(text, ""))
	if text == "" {
		text = status.State.Waiting.Reason
	}
	return shorten.To(strings.TrimRight(text, "."), maxWords)
}
