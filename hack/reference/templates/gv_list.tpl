{{- define "gvList" -}}
{{- $groupVersions := . -}}
<!-- Made by hack/generate.sh from the comments in api/. Do not change it here. -->

# API

The fields of our kinds, with their defaults. What a field does in the course of a rollout is told by the pages of the kinds:
[SidecarSet](../sidecarset.md), [StatefulSet](../statefulset.md), [SchedPatch](../schedpatch.md), [auto remediation](../remediation.md),
[conditions](../conditions.md). `kubectl explain sidecarset.spec` shows the same in a terminal.

{{ range $groupVersions -}}
{{- if .Kinds }}
{{ template "gvDetails" . }}
{{- end }}
{{- end }}
{{- end -}}
