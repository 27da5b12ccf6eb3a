// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ApplicationKind is the kind of Applications.
var ApplicationKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}

// Finalizer of an Application makes its objects go before it.
const Finalizer = "resources-finalizer.argocd.argoproj.io"

// Status is what Argo CD says of an Application.
type Status struct {
	Sync struct {
		Status   string `json:"status"`
		Revision string `json:"revision"`
	} `json:"sync"`
	Health         Health     `json:"health"`
	OperationState Operation  `json:"operationState"`
	Conditions     []Message  `json:"conditions"`
	Resources      []Resource `json:"resources"`
}

// Health is Healthy, Suspended, Progressing, Missing, Degraded or Unknown. Message is empty for an Application.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Operation is the last synchronization, or the one under way.
type Operation struct {
	Phase     string    `json:"phase"`
	Message   string    `json:"message"`
	StartedAt time.Time `json:"startedAt"`
}

// Message is a complaint of Argo CD.
type Message struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// Resource is an object of an Application.
type Resource struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Status is Synced, OutOfSync or Unknown.
	Status string `json:"status"`
	Health Health `json:"health"`
}

// String tells in one line how the Application is, and in further lines which of its objects are not well and what Argo
// CD complains of.
func (s *Status) String() string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "%s and %s, operation %s: %s", s.Sync.Status, s.Health.Status, s.OperationState.Phase, s.OperationState.Message)
	for i := range s.Resources {
		r := &s.Resources[i]
		if r.Status != "Synced" || (r.Health.Status != "" && r.Health.Status != "Healthy") {
			fmt.Fprintf(out, "\n  %s %s/%s: %s %s %s", r.Kind, r.Namespace, r.Name, r.Status, r.Health.Status, r.Health.Message)
		}
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(out, "\n  %s: %s", c.Type, c.Message)
	}
	return out.String()
}

// Applications reads and writes Applications.
type Applications struct {
	Client client.Client
}

// Get reads what Argo CD says of an Application.
func (a Applications) Get(ctx context.Context, name string) (*Status, error) {
	application := named(name)
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(application), application); err != nil {
		return nil, fmt.Errorf("read Application %s: %w", name, err)
	}
	return StatusOf(application)
}

// StatusOf is what Argo CD says of an Application that has been read.
func StatusOf(application *unstructured.Unstructured) (*Status, error) {
	fields, _, err := unstructured.NestedMap(application.Object, "status")
	if err != nil {
		return nil, fmt.Errorf("status of Application %s: %w", application.GetName(), err)
	}
	status := &Status{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, status); err != nil {
		return nil, fmt.Errorf("status of Application %s: %w", application.GetName(), err)
	}
	return status, nil
}

// Refresh makes Argo CD look at Git and at the cluster now, instead of seconds later.
func (a Applications) Refresh(ctx context.Context, name string) error {
	return a.patch(ctx, name, `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}`)
}

// Delete deletes an Application, if it is there, and with it all of its objects but those that are to be kept. It does
// not wait.
func (a Applications) Delete(ctx context.Context, name string) error {
	if err := a.patch(ctx, name, fmt.Sprintf(`{"metadata":{"finalizers":[%q]}}`, Finalizer)); err != nil {
		return client.IgnoreNotFound(err)
	}
	if err := a.Client.Delete(ctx, named(name)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Application %s: %w", name, err)
	}
	return nil
}

// abandon takes the finalizers off all Applications, so that they can go without Argo CD.
func (a Applications) abandon(ctx context.Context) error {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(ApplicationKind)
	if err := a.Client.List(ctx, list, client.InNamespace(Namespace)); err != nil {
		return fmt.Errorf("list Applications: %w", err)
	}
	for i := range list.Items {
		err := a.patch(ctx, list.Items[i].GetName(), `{"metadata":{"finalizers":null}}`)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func (a Applications) patch(ctx context.Context, name, patch string) error {
	if err := a.Client.Patch(ctx, named(name), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("change Application %s: %w", name, err)
	}
	return nil
}

func named(name string) *unstructured.Unstructured {
	application := &unstructured.Unstructured{}
	application.SetGroupVersionKind(ApplicationKind)
	application.SetNamespace(Namespace)
	application.SetName(name)
	return application
}
