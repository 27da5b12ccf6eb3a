{{/*
Every field that the API server would default is written out in the webhook configurations, and caBundle is not: a GitOps tool
then finds nothing that differs from what it applied, and the bundle belongs to the webhook alone.
*/}}

{{/* The annotations of the webhook configurations. One of them asks cert-manager to keep the CA there. */}}
{{- define "windlass.webhookAnnotations" -}}
{{- $inject := dict -}}
{{- if eq .Values.certificates.provider "cert-manager" -}}
{{- $inject = dict "cert-manager.io/inject-ca-from" (printf "%s/%s" .Release.Namespace (include "windlass.certificateName" .)) -}}
{{- end -}}
{{- mustMerge $inject .Values.webhook.annotations | toYaml -}}
{{- end -}}

{{/* Where the API server sends a review. Call with (dict "root" $ "path" "/mutate-pod"). */}}
{{- define "windlass.clientConfig" -}}
clientConfig:
  service:
    name: {{ include "windlass.webhookServiceName" .root }}
    namespace: {{ .root.Release.Namespace }}
    path: {{ .path }}
    port: 443
{{- end -}}

{{/*
One webhook for the creation of Pods. Call with (dict "root" $ "name" NAME "path" PATH "failurePolicy" POLICY "operator" In|NotIn "values" LIST);
operator and values choose the namespaces by their label apps.kruise.io/injection.
*/}}
{{- define "windlass.podWebhook" -}}
- name: {{ .name }}
  {{- include "windlass.clientConfig" (dict "root" .root "path" .path) | nindent 2 }}
  admissionReviewVersions: [v1]
  rules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE]
      resources: [pods]
      scope: Namespaced
  failurePolicy: {{ .failurePolicy }}
  matchPolicy: Equivalent
  reinvocationPolicy: {{ .root.Values.webhook.reinvocationPolicy }}
  sideEffects: None
  timeoutSeconds: {{ int .root.Values.webhook.timeoutSeconds.pods }}
  namespaceSelector:
    matchExpressions:
      # The API server itself sets this label, so nobody can forget it.
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
          {{- splitList "," (include "windlass.excludedNamespaces" .root) | toYaml | nindent 10 }}
      - key: apps.kruise.io/injection
        operator: {{ .operator }}
        values:
          {{- toYaml .values | nindent 10 }}
  # No Pod is left out by its labels: they are its author's to choose. Our own Pods run in the release namespace, which is left out.
  objectSelector: {}
  matchConditions:
    # A mirror Pod only shows what a kubelet runs already; changing it changes nothing. Whoever else writes the annotation is not believed.
    - name: not-a-mirror-pod
      expression: >-
        !has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)
        || !has(request.userInfo.groups) || !('system:nodes' in request.userInfo.groups)
{{- end -}}

{{/* The fields of a webhook for writes of SidecarSets, after its name. Call with (dict "root" $ "path" PATH). */}}
{{- define "windlass.sidecarSetWebhook" -}}
{{ include "windlass.clientConfig" . }}
admissionReviewVersions: [v1]
rules:
  # No subresources and no DELETE: neither controllers nor garbage collection ever wait for us.
  - apiGroups: [apps.kruise.io]
    apiVersions: [v1alpha1, v1beta1]
    operations: [CREATE, UPDATE]
    resources: [sidecarsets]
    scope: Cluster
failurePolicy: {{ .root.Values.webhook.failurePolicy.sidecarSets }}
matchPolicy: Equivalent
sideEffects: None
timeoutSeconds: {{ int .root.Values.webhook.timeoutSeconds.sidecarSets }}
namespaceSelector: {}
objectSelector: {}
{{- end -}}

{{/* The fields of the webhook for writes of SchedPatches, after its name. Call with (dict "root" $ "path" PATH). */}}
{{- define "windlass.schedPatchWebhook" -}}
{{ include "windlass.clientConfig" . }}
admissionReviewVersions: [v1]
rules:
  # No subresources and no DELETE: neither the operator's status nor garbage collection ever waits for us.
  - apiGroups: [apps.kruise.io]
    apiVersions: [v1alpha1]
    operations: [CREATE, UPDATE]
    resources: [schedpatches]
    scope: Namespaced
failurePolicy: {{ .root.Values.webhook.failurePolicy.schedPatches }}
matchPolicy: Equivalent
sideEffects: None
timeoutSeconds: {{ int .root.Values.webhook.timeoutSeconds.schedPatches }}
namespaceSelector: {}
objectSelector: {}
{{- end -}}

{{/*
The fields of a webhook for StatefulSets, after its name, but for objectSelector and matchConditions.
Call with (dict "root" $ "operations" LIST).
*/}}
{{- define "windlass.statefulSetWebhook" -}}
{{ include "windlass.clientConfig" (dict "root" .root "path" "/validate-apps-kruise-io-statefulset") }}
admissionReviewVersions: [v1]
rules:
  # No subresources: neither autoscalers nor controllers ever wait for us.
  - apiGroups: [apps.kruise.io]
    apiVersions: [v1alpha1, v1beta1]
    operations: {{ toJson .operations }}
    resources: [statefulsets]
    scope: Namespaced
failurePolicy: {{ .root.Values.webhook.failurePolicy.statefulSets }}
matchPolicy: Equivalent
sideEffects: None
timeoutSeconds: {{ int .root.Values.webhook.timeoutSeconds.statefulSets }}
namespaceSelector: {}
{{- end -}}
