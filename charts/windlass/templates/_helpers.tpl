{{/* The chart's name, as in the label app.kubernetes.io/name. */}}
{{- define "windlass.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The prefix of object names: the release's name, followed by the chart's where the release's does not contain it. It is cut so that
the longest suffix in use still fits into 63 characters.
*/}}
{{- define "windlass.fullname" -}}
{{- $name := include "windlass.name" . -}}
{{- $fullname := .Values.fullnameOverride -}}
{{- if not $fullname -}}
{{- $fullname = ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- end -}}
{{- $fullname | trunc 44 | trimSuffix "-" -}}
{{- end -}}

{{/* The labels of every object. Call with the root context. commonLabels never replace one of ours. */}}
{{- define "windlass.labels" -}}
{{- $labels := dict
      "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
      "app.kubernetes.io/name" (include "windlass.name" .)
      "app.kubernetes.io/instance" .Release.Name
      "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-")
      "app.kubernetes.io/managed-by" .Release.Service
      "app.kubernetes.io/part-of" "windlass" -}}
{{- mustMerge $labels .Values.commonLabels | toYaml -}}
{{- end -}}

{{/* The labels of an object of one program: windlass.labels and the component. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.componentLabels" -}}
{{- $component := dict "app.kubernetes.io/component" .component -}}
{{- mustMerge $component (include "windlass.labels" .root | fromYaml) | toYaml -}}
{{- end -}}

{{/* The labels that select the Pods of one program. They never change. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.selectorLabels" -}}
app.kubernetes.io/name: {{ include "windlass.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The labels of the Pods of one program. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.podLabels" -}}
{{- $own := include "windlass.selectorLabels" . | fromYaml -}}
{{- $given := index .root.Values .component "podLabels" -}}
{{- mustMerge $own (deepCopy $given) .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{/* commonAnnotations and those of one object, as a whole "annotations:" key or nothing. Call with (dict "root" $ "annotations" MAP). */}}
{{- define "windlass.annotations" -}}
{{- $annotations := mustMerge (deepCopy (default dict .annotations)) .root.Values.commonAnnotations -}}
{{- with $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* The reference of the image. A digest decides alone. */}}
{{- define "windlass.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.image.registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of one program. Call with (dict "root" $ "component" "operator"). */}}
{{- define "windlass.serviceAccountName" -}}
{{- $account := index .root.Values .component "serviceAccount" -}}
{{- $own := printf "%s-%s" (include "windlass.fullname" .root) .component -}}
{{- if $account.create -}}
{{- default $own $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* The Service behind which the webhooks answer. */}}
{{- define "windlass.webhookServiceName" -}}
{{- printf "%s-webhook" (include "windlass.fullname" .) -}}
{{- end -}}

{{/* The Secret of the provider self. Each provider has its own, so that switching never mixes their keys. */}}
{{- define "windlass.selfSecretName" -}}
{{- default (printf "%s-webhook-self-cert" (include "windlass.fullname" .)) .Values.certificates.secretName -}}
{{- end -}}

{{/* The Secret that cert-manager fills. */}}
{{- define "windlass.certManagerSecretName" -}}
{{- default (printf "%s-webhook-tls" (include "windlass.fullname" .)) .Values.certificates.certManager.secretName -}}
{{- end -}}

{{/* The Secret whose certificate is served: that of the provider. */}}
{{- define "windlass.servedSecretName" -}}
{{- eq .Values.certificates.provider "self" | ternary (include "windlass.selfSecretName" .) (include "windlass.certManagerSecretName" .) -}}
{{- end -}}

{{/* Not empty where metrics are served over TLS, to those whom the API server lets read them. An upgrade with --reuse-values has no such value. */}}
{{- define "windlass.secureMetrics" -}}
{{- if and .Values.metrics.enabled (dig "secure" "enabled" false .Values.metrics) -}}
true
{{- end -}}
{{- end -}}

{{/* The Secret in which cert-manager keeps the CA that the chart asks it for. */}}
{{- define "windlass.caSecretName" -}}
{{- printf "%s-webhook-ca" (include "windlass.fullname" .) -}}
{{- end -}}

{{/* The Certificate that it is filled for. */}}
{{- define "windlass.certificateName" -}}
{{- printf "%s-webhook" (include "windlass.fullname" .) -}}
{{- end -}}

{{/* The Lease of the elected operator. The program decides on this name; it does not follow the release's. */}}
{{- define "windlass.leaseName" -}}
windlass-operator
{{- end -}}

{{/* The namespaces the Pod webhooks leave out, separated by commas. The operator does not look for missing sidecars there. */}}
{{- define "windlass.excludedNamespaces" -}}
{{- concat (list "kube-system" "kube-node-lease" .Release.Namespace) .Values.webhook.excludedNamespaces | uniq | join "," -}}
{{- end -}}

{{/* The seconds of a duration such as 1h30m, as the schema allows it. Call with the duration. */}}
{{- define "windlass.seconds" -}}
{{- $units := dict "h" 3600 "m" 60 "s" 1 -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 -}}
{{- $seconds = add $seconds (mul (substr 0 (int (sub (len .) 1)) . | int64) (get $units (substr (int (sub (len .) 1)) (len .) .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
