// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
)

// The pieces of Helm around a definition. The helper windlass.labels is the chart's own.
const (
	helmOpen   = "{{- if .Values.crds.install }}\n"
	helmLabels = `  labels:
    {{- include "windlass.labels" . | nindent 4 }}
`
	helmAnnotations = `    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
    {{- with .Values.crds.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
`
	helmClose = "{{- end }}\n"

	// generatedNote is an ordinary YAML comment, so that it can be seen in the cluster's manifest too.
	generatedNote = "# Generated from api/crds by hack/chartcrds. Do not edit.\n"
)

// helmTemplate renders a definition, as marshal writes it, as a template of the chart. The values crds.install,
// crds.keep and crds.annotations steer it.
func helmTemplate(definition []byte) []byte {
	var out bytes.Buffer
	out.WriteString(helmOpen)
	out.WriteString(generatedNote)
	inMetadata := false
	for line := range strings.Lines(string(definition)) {
		if !strings.HasPrefix(line, " ") {
			inMetadata = line == "metadata:\n"
		}
		out.WriteString(escapeBraces(line))
		switch {
		case inMetadata && line == "  annotations:\n":
			out.WriteString(helmAnnotations)
		case inMetadata && strings.HasPrefix(line, "  name: "):
			out.WriteString(helmLabels)
		}
	}
	out.WriteString(helmClose)
	return out.Bytes()
}

// escapeBraces makes a template engine print what it would take for an action.
func escapeBraces(line string) string {
	return strings.NewReplacer("{{", `{{ "{{" }}`, "}}", `{{ "}}" }}`).Replace(line)
}
