// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Limits of a dump, for one kind of object and one container's log.
const (
	dumpedObjects  = 5
	dumpedLogLines = 120
)

// Dump writes what somebody needs who asks why a test failed: SidecarSets, Pods and events of the namespaces, Pods and
// logs of the release. What cannot be read is said in its place.
func (c *Cluster) Dump(ctx context.Context, out io.Writer, namespaces ...string) {
	sets := &v1beta1.SidecarSetList{}
	c.dumpList(ctx, out, "SidecarSets", sets)
	for _, namespace := range namespaces {
		c.dumpList(ctx, out, "Pods of namespace "+namespace, &corev1.PodList{}, client.InNamespace(namespace))
		c.dumpEvents(ctx, out, namespace)
	}
	c.dumpEvents(ctx, out, c.Options.Namespace)
	for _, component := range []string{"operator", "webhook"} {
		c.dumpProgram(ctx, out, component)
	}
}

func (c *Cluster) dumpList(ctx context.Context, out io.Writer, title string, list client.ObjectList, options ...client.ListOption) {
	fmt.Fprintf(out, "---- %s\n", title)
	if err := c.Client.List(ctx, list, options...); err != nil {
		fmt.Fprintln(out, "cannot be listed:", err)
		return
	}
	objects, err := items(list)
	if err != nil {
		fmt.Fprintln(out, "cannot be read:", err)
		return
	}
	for i, object := range objects {
		if i == dumpedObjects {
			fmt.Fprintf(out, "... and %d more\n", len(objects)-i)
			return
		}
		object.SetManagedFields(nil)
		text, err := yaml.Marshal(object)
		if err != nil {
			fmt.Fprintln(out, "cannot be written:", err)
			continue
		}
		fmt.Fprintf(out, "%s\n", text)
	}
}

func (c *Cluster) dumpEvents(ctx context.Context, out io.Writer, namespace string) {
	fmt.Fprintf(out, "---- Events of namespace %s\n", namespace)
	events := &corev1.EventList{}
	if err := c.Client.List(ctx, events, client.InNamespace(namespace)); err != nil {
		fmt.Fprintln(out, "cannot be listed:", err)
		return
	}
	slices.SortFunc(events.Items, func(a, b corev1.Event) int { return eventTime(&a).Compare(eventTime(&b)) })
	for i := range events.Items {
		e := &events.Items[i]
		fmt.Fprintf(out, "%s %s %s/%s %s: %s\n", eventTime(e).Format(time.TimeOnly), e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
}

// eventTime is when an event happened last; the field depends on which API wrote it.
func eventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

func (c *Cluster) dumpProgram(ctx context.Context, out io.Writer, component string) {
	pods, err := c.ReleasePods(ctx, component)
	if err != nil {
		fmt.Fprintln(out, "the", component+"'s", "Pods cannot be listed:", err)
		return
	}
	for i := range pods {
		fmt.Fprintf(out, "---- Pod %s on %s, ready=%t: %s\n", pods[i].Name, pods[i].Spec.NodeName, IsReady(&pods[i]), describe(&pods[i]))
		c.dumpLog(ctx, out, &pods[i], component)
	}
}

func (c *Cluster) dumpLog(ctx context.Context, out io.Writer, pod *corev1.Pod, container string) {
	options := &corev1.PodLogOptions{Container: container, TailLines: ptr.To[int64](dumpedLogLines)}
	text, err := c.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
	if err != nil {
		fmt.Fprintln(out, "its log cannot be read:", err)
		return
	}
	fmt.Fprintf(out, "%s\n", text)
}

// items are the objects of a list.
func items(list client.ObjectList) ([]client.Object, error) {
	raw, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	out := make([]client.Object, 0, len(raw))
	for _, item := range raw {
		if object, ok := item.(client.Object); ok {
			out = append(out, object)
		}
	}
	return out, nil
}
