{{- /*
What all webhooks share: who is called, and the namespaces whose pods are left alone. Takes the root, the path, and "values"
where the authority that was given in values belongs to it.
*/ -}}
{{- define "tidewaiter.call" -}}
{{- $path := index . 1 -}}
{{- $trust := last . -}}
{{- with first . -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}
clientConfig:
  {{- if .Values.webhook.url }}
  url: {{ printf "%s%s" (trimSuffix "/validate" .Values.webhook.url) $path | quote }}
  {{- else }}
  service:
    name: {{ include "tidewaiter.name" . }}
    namespace: {{ .Release.Namespace }}
    path: {{ $path }}
    port: 443
  {{- end }}
  {{- if and (eq $trust "values") .Values.tls.caBundle }}
  # In base64: the certificates in PEM of the authority that signed the serving certificate.
  caBundle: {{ .Values.tls.caBundle | b64enc }}
  {{- end }}
# By the name that the API server itself writes into this label; any other label is free for whoever may edit the namespace.
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values:
        {{- concat (list .Release.Namespace "kube-system") .Values.exemptNamespaces | uniq | toYaml | nindent 8 }}
{{- end -}}
{{- end -}}

{{- /* Every way to make a pod, or to change what it runs. */ -}}
{{- define "tidewaiter.podRules" -}}
- apiGroups: [""]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [pods]
  scope: Namespaced
- apiGroups: [""]
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [pods/ephemeralcontainers]
  scope: Namespaced
{{- end -}}

{{- /* What the guard looks at: words, none where there is nothing to guard. */ -}}
{{- define "tidewaiter.guards" -}}
{{- if and .Values.guard.enabled (eq .Values.mode "policy") -}}
{{- $selecting := or .Values.podSecurityLabels .Values.existingPoliciesConfigMap -}}
{{- range .Values.policies -}}
  {{- $match := kindIs "map" . | ternary . dict | dig "match" dict -}}
  {{- if kindIs "map" $match -}}{{- if $match.namespaceSelector -}}{{- $selecting = true -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if eq .Values.policySource "cluster" -}}policies namespaces{{- else if $selecting -}}namespaces{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.pins" -}}
{{- if and .Values.pinning (eq .Values.mode "policy") }}yes{{ end -}}
{{- end -}}
