{{- define "type_members" -}}
{{- $field := . -}}
{{- if eq $field.Name "metadata" -}}
As of every object of Kubernetes.
{{- else -}}
{{ $field.Doc | replace "\n" " " | trim | replace "|" "\\|" }}
{{- end -}}
{{- end -}}
