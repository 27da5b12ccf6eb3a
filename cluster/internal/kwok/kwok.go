// SPDX-License-Identifier: Apache-2.0

// Package kwok configures the simulated kubelet of simulated nodes, faithfully enough for rollouts:
//
//   - a scheduled Pod's containers start after a delay; then the Pod is Ready;
//   - a changed image restarts that container and no other: it ends, Ready turns False, and after the delay it runs again
//     with restartCount + 1 and another imageID. Native sidecars are treated alike;
//   - an image with the word "bad" in its name or tag cannot be pulled (ErrImagePull, then ImagePullBackOff) until it is
//     replaced; on nodes whose name begins with "bad-" no image can be pulled;
//   - Ready needs the conditions of all readiness gates, which are never written here;
//   - observedGeneration and resources follow the spec; Pods of Jobs succeed after a while.
//
// Annotations on the Pod:
//
//	kwok.windlass.dev/start-delay: 3s         from the end of the old container, or creation, to running; default 1s
//	kwok.windlass.dev/stop-delay: 500ms       from an image change to the end of the old container; default 200ms
//	kwok.windlass.dev/run-for: 10s            how long Pods of Jobs run; default 1s
//	kwok.windlass.dev/fail-CONTAINER: REASON  the container waits with the reason until the annotation goes. A reason
//	                                          with "Image" in it is a failed pull, which a running container does not
//	                                          notice; any other, such as CrashLoopBackOff, ends a running container
package kwok

import (
	"bytes"
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

//go:embed stages/action.jq
var actionQuery string

//go:embed stages/pod-status.yaml.tmpl
var podStatusTemplate string

//go:embed stages/node-status.yaml.tmpl
var nodeStatusTemplate string

// object is a piece of YAML.
type object = map[string]any

// podStage is one thing that the simulated kubelet does with a Pod.
type podStage struct {
	// action is the word that actionQuery answers when it is this Stage's turn.
	action string
	// delay is in milliseconds; an annotation, if named, overrides it.
	delay      int
	annotation string
}

var podStages = []podStage{
	{action: "create"},
	{action: "kill", delay: 200, annotation: "stop-delay"},
	{action: "start", delay: 1000, annotation: "start-delay"},
	{action: "fail", delay: 500},
	{action: "settle"},
	{action: "complete", delay: 1000, annotation: "run-for"},
	{action: "delete", delay: 200},
}

// Config renders the configuration file of the kwok program: options and Stages.
func Config() ([]byte, error) {
	objects := []object{options(), nodeStage()}
	for _, s := range podStages {
		objects = append(objects, s.object())
	}
	var file bytes.Buffer
	for i, o := range objects {
		data, err := yaml.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("render the kwok configuration: %w", err)
		}
		if i > 0 {
			file.WriteString("---\n")
		}
		file.Write(data)
	}
	return file.Bytes(), nil
}

// options need all of these numbers: kwok takes an unset one for zero and then does nothing.
func options() object {
	return object{
		"apiVersion": "config.kwok.x-k8s.io/v1alpha1",
		"kind":       "KwokConfiguration",
		"options": object{
			"podPlayStageParallelism":   16,
			"nodePlayStageParallelism":  4,
			"nodeLeaseParallelism":      4,
			"podsOnNodeSyncParallelism": 4,
			"nodeLeaseDurationSeconds":  40,
		},
	}
}

func stage(name, kind, key, operator, value string, spec object) object {
	spec["resourceRef"] = object{"apiGroup": "v1", "kind": kind}
	spec["selector"] = object{"matchExpressions": []any{object{"key": key, "operator": operator, "values": []any{value}}}}
	return object{
		"apiVersion": "kwok.x-k8s.io/v1alpha1",
		"kind":       "Stage",
		"metadata":   object{"name": name},
		"spec":       spec,
	}
}

// nodeStage makes Nodes Ready, and Ready again should they have been given up.
func nodeStage() object {
	ready := `.status.conditions.[] | select(.type == "Ready") | .status`
	return stage("node-ready", "Node", ready, "NotIn", "True", object{"next": object{"statusTemplate": nodeStatusTemplate}})
}

func (s podStage) object() object {
	spec := object{"next": object{"statusTemplate": fmt.Sprintf("{{- $action := %q -}}\n%s", s.action, podStatusTemplate)}}
	if s.action == "delete" {
		spec["next"] = object{"delete": true}
	}
	if s.delay > 0 {
		delay := object{"durationMilliseconds": s.delay}
		if s.annotation != "" {
			delay["durationFrom"] = object{"expressionFrom": fmt.Sprintf(`.metadata.annotations["kwok.windlass.dev/%s"]`, s.annotation)}
		}
		spec["delay"] = delay
	}
	return stage("pod-"+s.action, "Pod", actionQuery, "In", s.action, spec)
}
