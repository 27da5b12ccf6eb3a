// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// actionDefinitions is how the ConfigMap argocd-cm holds the actions of a kind.
type actionDefinitions struct {
	Discovery   string             `json:"discovery.lua"`
	Definitions []actionDefinition `json:"definitions"`
}

type actionDefinition struct {
	Name   string `json:"name"`
	Action string `json:"action.lua"`
}

// ConfigMap puts the scripts of examples/argocd into the keys of Argo CD's ConfigMap from which it reads them.
func ConfigMap(root string, kinds ...string) (*corev1.ConfigMap, error) {
	config := &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "argocd", Name: "argocd-cm", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/name": "argocd-cm"},
		},
		Data: map[string]string{},
	}
	for _, kind := range kinds {
		health, err := HealthScript(Own(root, kind))
		if err != nil {
			return nil, err
		}
		config.Data["resource.customizations.health."+Group+"_"+kind] = health
		actions, err := actionsOf(filepath.Join(Own(root, kind), "actions"))
		if err != nil {
			return nil, fmt.Errorf("actions of %s: %w", kind, err)
		}
		if actions != "" {
			config.Data["resource.customizations.actions."+Group+"_"+kind] = actions
		}
	}
	return config, nil
}

// actionsOf reads a directory of actions, "" when there is none.
func actionsOf(directory string) (string, error) {
	discovery, err := os.ReadFile(filepath.Join(directory, "discovery.lua"))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(directory, "*", "action.lua"))
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	out := actionDefinitions{Discovery: string(discovery)}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		out.Definitions = append(out.Definitions, actionDefinition{Name: filepath.Base(filepath.Dir(file)), Action: string(script)})
	}
	text, err := yaml.Marshal(out)
	return string(text), err
}
