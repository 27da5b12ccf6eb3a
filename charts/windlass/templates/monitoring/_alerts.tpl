{{/* The labels of an alert. Call with (dict "root" $ "severity" "warning"). */}}
{{- define "windlass.alertLabels" -}}
labels:
  {{- mustMerge (dict "severity" .severity) .root.Values.metrics.prometheusRule.alertLabels | toYaml | nindent 2 }}
{{- end -}}
