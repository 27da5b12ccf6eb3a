{{/* The seconds of a duration such as 1h30m, as the schema allows it. Call with the duration. */}}
{{- define "windlass.seconds" -}}
{{- $units := dict "h" 3600 "m" 60 "s" 1 -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 -}}
{{- $seconds = add $seconds (mul (substr 0 (int (sub (len .) 1)) . | int64) (get $units (substr (int (sub (len .) 1)) (len .) .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{/* The labels of an alert. Call with (dict "root" $ "severity" "warning"). */}}
{{- define "windlass.alertLabels" -}}
labels:
  {{- mustMerge (dict "severity" .severity) .root.Values.metrics.prometheusRule.alertLabels | toYaml | nindent 2 }}
{{- end -}}
