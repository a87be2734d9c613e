{{- define "tidewaiter.name" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidewaiter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tidewaiter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "tidewaiter.controllerName" -}}
{{ include "tidewaiter.name" . | trunc 52 | trimSuffix "-" }}-controller
{{- end -}}

{{- /* Not those of `serve`, or its Service would lead to the controller. */ -}}
{{- define "tidewaiter.controllerSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Labels of what belongs to a part of the release other than `serve`. Takes the root and the part. */ -}}
{{- define "tidewaiter.labelsOf" -}}
{{- include "tidewaiter.labels" (first .) }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "tidewaiter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.tlsMode" -}}
{{- with .Values.tls -}}
{{- if .mode }}{{ .mode }}{{ else if or .existingSecret .cert .key .caBundle }}existingSecret{{ else }}inProcess{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Whether the controller hands the API server the authority in the Secret, which nobody else does. */ -}}
{{- define "tidewaiter.controllerTrusts" -}}
{{- $mode := include "tidewaiter.tlsMode" . -}}
{{- if or (eq $mode "inProcess") (and (eq $mode "existingSecret") (not .Values.tls.caBundle)) }}yes{{ end -}}
{{- end -}}

{{- /* What the serving certificate is for: the Service, and the host of webhook.url. */ -}}
{{- define "tidewaiter.servingNames" -}}
{{- $names := list (printf "%s.%s.svc" (include "tidewaiter.name" .) .Release.Namespace) -}}
{{- with .Values.webhook.url -}}
{{- $names = append $names ((urlParse .).hostname | trimPrefix "[" | trimSuffix "]") -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{- /*
The Secret of a certificate in values has a name of its own: helm takes over no Secret that somebody else made, and
`…-tls` is the controller's, or cert-manager's.
*/ -}}
{{- define "tidewaiter.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}
{{ .Values.tls.existingSecret }}
{{- else -}}
{{ include "tidewaiter.name" . }}-tls{{ if eq (include "tidewaiter.tlsMode" .) "existingSecret" }}-given{{ end }}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.policiesConfigMap" -}}
{{ .Values.existingPoliciesConfigMap | default (printf "%s-policies" (include "tidewaiter.name" .)) }}
{{- end -}}

{{- define "tidewaiter.authorityName" -}}
{{ include "tidewaiter.name" . | trunc 52 | trimSuffix "-" }}-ca
{{- end -}}
