{{/*
The parts of a Pod spec that both programs share. Call with (dict "root" $ "component" "operator").
*/}}
{{- define "windlass.podSpec" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "windlass.serviceAccountName" . }}
automountServiceAccountToken: true
terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- with $values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    # Only Pods of the same revision count, so a rolling update ends as evenly spread as it began.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "windlass.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The environment both programs read. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- if dig "limits" "memory" "" (index .root.Values .component "resources" | default dict) }}
# The garbage collector works harder when it is nearly reached.
- name: MEMORY_LIMIT
  valueFrom:
    resourceFieldRef:
      containerName: {{ .component }}
      resource: limits.memory
      divisor: "0" # as it is stored; without it Argo CD sees a difference for ever
{{- end }}
{{- with index .root.Values .component "extraEnv" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The flags both programs know. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.commonArgs" -}}
{{- $values := index .root.Values .component -}}
- --metrics-bind-address={{ ternary (printf ":%d" (int .root.Values.metrics.port)) "0" .root.Values.metrics.enabled }}
{{- if include "windlass.secureMetrics" .root }}
- --metrics-secure
{{- end }}
- --health-probe-bind-address=:{{ int $values.healthPort }}
{{- /* An upgrade with --reuse-values has no such values. */}}
{{- $profiles := .root.Values.profiles | default dict }}
{{- if $profiles.enabled }}
- --pprof-bind-address=127.0.0.1:{{ int ($profiles.port | default 6060) }}
{{- end }}
- --log-level={{ .root.Values.logging.level }}
- --log-format={{ .root.Values.logging.format }}
- --kube-api-qps={{ int $values.clientConnection.qps }}
- --kube-api-burst={{ int $values.clientConnection.burst }}
{{- end -}}

{{/* The ports both programs have. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.commonPorts" -}}
- name: health
  containerPort: {{ int (index .root.Values .component "healthPort") }}
  protocol: TCP
{{- if .root.Values.metrics.enabled }}
- name: metrics
  containerPort: {{ int .root.Values.metrics.port }}
  protocol: TCP
{{- end }}
{{- end -}}

{{/* The probes of both programs, on the port named "health". */}}
{{- define "windlass.probes" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: health
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /readyz
    port: health
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 3
{{- end -}}

{{/* Where the CAs of the webhook's clients come from, as a source of a projected volume with the file ca.crt; nothing without any. Call with
the root context. */}}
{{- define "windlass.clientCA" -}}
{{- $given := .Values.webhook.clientCA -}}
{{- if $given.bundle -}}
- configMap:
    name: {{ include "windlass.fullname" . }}-client-ca
{{- else if $given.configMap.name -}}
- configMap:
    name: {{ $given.configMap.name }}
    items:
      - key: {{ $given.configMap.key }}
        path: ca.crt
{{- else if $given.secret.name -}}
- secret:
    name: {{ $given.secret.name }}
    items:
      - key: {{ $given.secret.key }}
        path: ca.crt
{{- end -}}
{{- end -}}
