// SPDX-License-Identifier: Apache-2.0

package pki

import "sigs.k8s.io/yaml"

// Kubeconfig renders a kubeconfig with the certificates inside it, so that the file can be copied about.
func Kubeconfig(cluster, server string, ca *Pair, user string, client *Pair) ([]byte, error) {
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []any{map[string]any{"name": cluster, "cluster": map[string]any{
			"server": server, "certificate-authority-data": ca.CertPEM}}},
		"users": []any{map[string]any{"name": user, "user": map[string]any{
			"client-certificate-data": client.CertPEM, "client-key-data": client.KeyPEM}}},
		"contexts": []any{map[string]any{"name": cluster, "context": map[string]any{
			"cluster": cluster, "user": user}}},
		"current-context": cluster,
	})
}
