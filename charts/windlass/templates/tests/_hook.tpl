{{/*
The metadata of an object of `helm test`, after its name. Argo CD passes over such hooks, and nothing of them is there unless the test
runs or has failed. Call with (dict "root" $ "weight" "0").
*/}}
{{- define "windlass.testMetadata" -}}
labels:
  {{- include "windlass.componentLabels" (dict "root" .root "component" "test") | nindent 2 }}
{{ include "windlass.annotations" (dict "root" .root "annotations" (dict
      "helm.sh/hook" "test"
      "helm.sh/hook-weight" .weight
      "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded"
      "helm.sh/hook-output-log-policy" "hook-succeeded,hook-failed")) }}
{{- end -}}
