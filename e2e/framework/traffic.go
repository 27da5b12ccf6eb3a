// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
)

// proxyPort is where the sidecar of ProxySet takes requests.
const proxyPort = 8081

// TrafficOptions say how a client sends requests to a Service.
type TrafficOptions struct {
	// PerSecond and Requests are how many.
	PerSecond, Requests int
	// ByService sends to the address of the Service; else the client follows its EndpointSlices and picks a Pod itself.
	ByService bool
	// FreshConnections makes a connection for each request; else they are kept.
	FreshConnections bool
}

// TrafficReport is what became of the requests.
type TrafficReport struct {
	Sent, Lost int
	// Losses are the first of them.
	Losses []struct {
		At      time.Time
		To, Why string
	}
	// Changes of the ready endpoints, as the client saw them. None with ByService.
	Changes []struct {
		At    time.Time
		Ready []string
	}
}

// Traffic is a Pod that sends requests.
type Traffic struct {
	cluster         *Cluster
	namespace, name string
}

// ProxySet makes a SidecarSet whose sidecar stands between the Pods of a workload and their clients, and ends at
// SIGTERM with the requests that it is busy with. It is not created yet.
func ProxySet(name, namespace, app string) *v1beta1.SidecarSet {
	set := SidecarSet(name, namespace, app)
	set.Spec.Containers[0].Container = Sidecar(SidecarContainer, proxyPort)
	set.Spec.Containers[0].Args = []string{"proxy", "127.0.0.1:8080"}
	return set
}

// ProxyService makes a Service of a workload behind the sidecar of ProxySet. It is not created yet.
func ProxyService(namespace, app string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{AppLabel: app},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt(proxyPort)}},
		},
	}
}

// StartTraffic runs a client in a Pod of the name that sends requests to a Service of its namespace, each of which takes
// its application 50 ms. It returns before the first one is sent. A client that follows EndpointSlices needs
// AllowEndpointSlices.
func (c *Cluster) StartTraffic(ctx context.Context, namespace, name, service string, o TrafficOptions) (*Traffic, error) {
	env := []corev1.EnvVar{
		{Name: "LOAD_SERVICE", Value: service},
		{Name: "LOAD_PATH", Value: "/slow?for=50ms"},
		{Name: "LOAD_RATE", Value: fmt.Sprint(o.PerSecond)},
		{Name: "LOAD_REQUESTS", Value: fmt.Sprint(o.Requests)},
	}
	if o.ByService {
		env = append(env, corev1.EnvVar{Name: "LOAD_PORT", Value: "80"})
	}
	if o.FreshConnections {
		env = append(env, corev1.EnvVar{Name: "LOAD_KEEPALIVE", Value: "false"})
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers: []corev1.Container{{
				Name: AppContainer, Image: AppImage, Args: []string{"load"}, Env: env, ReadinessProbe: HTTPProbe(8080),
			}},
		},
	}
	if err := c.Client.Create(ctx, pod); err != nil {
		return nil, fmt.Errorf("create the client: %w", err)
	}
	return &Traffic{cluster: c, namespace: namespace, name: name}, nil
}

// AllowEndpointSlices lets the Pods of a namespace read its EndpointSlices.
func (c *Cluster) AllowEndpointSlices(ctx context.Context, namespace string) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "endpointslices"}
	objects := []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"get", "list", "watch"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}},
		},
	}
	for _, object := range objects {
		if err := c.Client.Create(ctx, object); err != nil {
			return fmt.Errorf("let clients read EndpointSlices: %w", err)
		}
	}
	return nil
}

// Report is what the client has seen so far.
func (t *Traffic) Report(ctx context.Context) (*TrafficReport, error) { return t.ask(ctx, "/report") }

// Stop ends the client's requests, waits for the answers still due, and returns the last report.
func (t *Traffic) Stop(ctx context.Context) (*TrafficReport, error) { return t.ask(ctx, "/stop") }

func (t *Traffic) ask(ctx context.Context, path string) (*TrafficReport, error) {
	text, err := t.cluster.AskPod(ctx, t.namespace, t.name, 8080, path)
	if err != nil {
		return nil, err
	}
	report := &TrafficReport{}
	if err := json.Unmarshal([]byte(text), report); err != nil {
		return nil, fmt.Errorf("read the client's report: %w", err)
	}
	return report, nil
}
