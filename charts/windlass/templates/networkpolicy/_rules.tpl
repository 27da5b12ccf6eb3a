{{/*
Kubelets always reach the Pods of their own node, so probes need no rule. API servers are reached and reach us from outside of the Pod
network, from addresses that only the values can name.
*/}}

{{/* The rule that lets the metrics be read, or nothing. Call with the root context. */}}
{{- define "windlass.metricsIngress" -}}
{{- if .Values.metrics.enabled -}}
- ports:
    - port: {{ int .Values.metrics.port }}
      protocol: TCP
  {{- with .Values.networkPolicy.metricsFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The rule that lets a program call the API server. Call with the root context. */}}
{{- define "windlass.apiServerEgress" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
  {{- with .Values.networkPolicy.apiServerCIDRs }}
  to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  {{- end }}
{{- end -}}
