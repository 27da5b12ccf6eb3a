// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"sigs.k8s.io/yaml"
)

// fieldManager owns what this package applies.
const fieldManager = "windlass-cluster"

// resources maps the kinds that Apply knows to their place in the API; %s is the namespace.
var resources = map[string]string{
	"Namespace":          "/api/v1/namespaces",
	"ServiceAccount":     "/api/v1/namespaces/%s/serviceaccounts",
	"ConfigMap":          "/api/v1/namespaces/%s/configmaps",
	"Service":            "/api/v1/namespaces/%s/services",
	"Deployment":         "/apis/apps/v1/namespaces/%s/deployments",
	"ClusterRole":        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
	"ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

type objectHead struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// Apply applies every object of a YAML stream, server side, in order.
func (c *Client) Apply(ctx context.Context, manifest []byte) error {
	for document := range bytes.SplitSeq(manifest, []byte("\n---\n")) {
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		if err := c.applyOne(ctx, document); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) applyOne(ctx context.Context, document []byte) error {
	path, err := objectPath(document)
	if err != nil {
		return err
	}
	query := "?force=true&fieldManager=" + fieldManager
	_, err = c.Do(ctx, http.MethodPatch, path+query, "application/apply-patch+yaml", document)
	return err
}

// objectPath is where an object lives in the API.
func objectPath(document []byte) (string, error) {
	var head objectHead
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", fmt.Errorf("manifest is not YAML: %w", err)
	}
	collection, ok := resources[head.Kind]
	if !ok || head.Metadata.Name == "" {
		return "", fmt.Errorf("cannot apply %s %q: its kind must be in this package's table and its name set", head.Kind, head.Metadata.Name)
	}
	if bytes.Contains([]byte(collection), []byte("%s")) {
		collection = fmt.Sprintf(collection, head.Metadata.Namespace)
	}
	return collection + "/" + url.PathEscape(head.Metadata.Name), nil
}
