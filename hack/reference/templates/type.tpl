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
{{ range $type.Members -}}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} |
{{ end }}
{{ end -}}
{{ if $type.EnumValues -}}
| value | meaning |
|---|---|
{{ range $type.EnumValues -}}
| `{{ .Name }}` | {{ markdownRenderFieldDoc .Doc }} |
{{ end }}
{{ end -}}
{{- end -}}
{{- end -}}
