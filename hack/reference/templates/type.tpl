{{- define "type" -}}
{{- $type := . -}}
{{- if markdownShouldRenderType $type -}}
### {{ $type.Name }}

{{ $type.Doc }}

{{ if $type.References -}}
Of {{ range $i, $r := $type.SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $r }}{{ end }}.
{{ end }}
{{ if $type.Members -}}
| field | type | meaning |
|---|---|---|
{{ $own := ne $type.Name "SidecarContainer" -}}
{{ range $type.Members -}}
{{- /* A container of a Pod is inlined there, and comes first: Kubernetes documents its fields. */ -}}
{{ if eq .Name "podInjectPolicy" }}{{ $own = true }}| ... | | Every field of a container of a Pod. |
{{ end -}}
{{ if $own -}}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} |
{{ end -}}
{{ end }}
{{ end -}}
{{ if $type.EnumValues -}}
| value | meaning |
|---|---|
{{ range $type.EnumValues -}}
| `{{ .Name }}` | {{ regexReplaceAll "^\\S+ " .Doc "" | replace "\n" " " | trim | replace "|" "\\|" }} |
{{ end }}
{{ end -}}
{{- end -}}
{{- end -}}
