// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// condition of any object.
type condition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
}

func isTrue(conditions []condition, kind string) bool {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Status == "True"
		}
	}
	return false
}

// NodeReady says whether a Node is there and Ready.
func (c *Client) NodeReady(ctx context.Context, name string) (bool, error) {
	var node struct {
		Status struct{ Conditions []condition }
	}
	err := c.get(ctx, "/api/v1/nodes/"+name, &node)
	if IsStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return isTrue(node.Status.Conditions, "Ready"), err
}

// DeploymentAvailable says whether a Deployment has its minimum of ready Pods.
func (c *Client) DeploymentAvailable(ctx context.Context, namespace, name string) (bool, error) {
	var deployment struct {
		Status struct{ Conditions []condition }
	}
	err := c.get(ctx, fmt.Sprintf("/apis/apps/v1/namespaces/%s/deployments/%s", namespace, name), &deployment)
	return isTrue(deployment.Status.Conditions, "Available"), err
}

// NodeNames lists all Nodes.
func (c *Client) NodeNames(ctx context.Context) ([]string, error) {
	var list struct {
		Items []objectHead
	}
	if err := c.get(ctx, "/api/v1/nodes", &list); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		names = append(names, item.Metadata.Name)
	}
	return names, nil
}

// KwokPrefix begins the names of simulated Nodes that are healthy.
const KwokPrefix = "kwok"

// BadKwokPrefix begins the names of those on which no image can be pulled; the kwok Stages go by the name.
const BadKwokPrefix = "bad-kwok"

// AddKwokNodes makes simulated Nodes named PREFIX-N, numbered on from the highest that exists, and returns their names.
func (c *Client) AddKwokNodes(ctx context.Context, prefix string, count int) ([]string, error) {
	existing, err := c.NodeNames(ctx)
	if err != nil {
		return nil, err
	}
	names := newNames(existing, prefix, count)
	errs := make(chan error, len(names))
	slots := make(chan struct{}, 8)
	var wait sync.WaitGroup
	for _, name := range names {
		slots <- struct{}{}
		wait.Go(func() {
			errs <- c.createNode(ctx, kwokNode(name))
			<-slots
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (c *Client) createNode(ctx context.Context, node map[string]any) error {
	body, err := json.Marshal(node)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, http.MethodPost, "/api/v1/nodes?fieldManager="+fieldManager, "application/json", body)
	return err
}

// newNames continues the numbering of the existing names with the prefix.
func newNames(existing []string, prefix string, count int) []string {
	highest := 0
	for _, name := range existing {
		rest, ok := strings.CutPrefix(name, prefix+"-")
		if number, err := strconv.Atoi(rest); ok && err == nil {
			highest = max(highest, number)
		}
	}
	names := make([]string, 0, count)
	for i := 1; i <= count; i++ {
		names = append(names, fmt.Sprintf("%s-%d", prefix, highest+i))
	}
	return names
}

// kwokNode is a Node that the kwok controller takes care of. The taint keeps Pods away that do not ask for it.
func kwokNode(name string) map[string]any {
	room := map[string]any{"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti"}
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": map[string]any{
			"name":        name,
			"annotations": map[string]any{"kwok.x-k8s.io/node": "fake"},
			"labels": map[string]any{
				"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
			},
		},
		"spec": map[string]any{
			"taints": []any{map[string]any{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}},
		},
		"status": map[string]any{"allocatable": room, "capacity": room},
	}
}
