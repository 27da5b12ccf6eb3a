// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Namespace is that of Argo CD and of its Applications.
const Namespace = "argocd"

// definitions are the files of Argo CD's CustomResourceDefinitions. ApplicationSets are not used, but the controller
// asks for their kind.
var definitions = []string{"application-crd.yaml", "applicationset-crd.yaml", "appproject-crd.yaml"}

// Install puts into the cluster what Argo CD needs: its definitions, from a directory that holds the files of its
// release; its namespace; and its settings, which are the data of the ConfigMap argocd-cm.
func Install(ctx context.Context, writer client.Client, directory string, settings map[string]string) error {
	for _, file := range definitions {
		if err := define(ctx, writer, filepath.Join(directory, file)); err != nil {
			return fmt.Errorf("install Argo CD: %w", err)
		}
	}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: Namespace, Name: "argocd-cm",
				Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}, // Argo CD sees no other
			},
			Data: settings,
		},
	}
	for _, object := range objects {
		if err := writer.Create(ctx, object); err != nil {
			return fmt.Errorf("install Argo CD: %w", err)
		}
	}
	return nil
}

func define(ctx context.Context, writer client.Client, file string) error {
	definition, err := readDefinition(file)
	if err != nil {
		return err
	}
	if err := writer.Create(ctx, definition); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the definition of %s: %w", file, err)
	}
	return nil
}

func readDefinition(file string) (*apiextensionsv1.CustomResourceDefinition, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(content, definition); err != nil {
		return nil, fmt.Errorf("read the definition in %s: %w", file, err)
	}
	return definition, nil
}

// Uninstall takes out of the cluster what Install put in, and with it all that is left of Applications; their objects
// stay. Argo CD may not be running any more. It does not wait.
func Uninstall(ctx context.Context, writer client.Client, directory string) error {
	if err := (Applications{Client: writer}).abandon(ctx); err != nil {
		return fmt.Errorf("uninstall Argo CD: %w", err)
	}
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}}
	for _, file := range definitions {
		definition, err := readDefinition(filepath.Join(directory, file))
		if err != nil {
			return fmt.Errorf("uninstall Argo CD: %w", err)
		}
		objects = append(objects, definition)
	}
	for _, object := range objects {
		if err := writer.Delete(ctx, object); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("uninstall Argo CD: %w", err)
		}
	}
	return nil
}
