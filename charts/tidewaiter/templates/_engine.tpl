{{- /* What judges pods, in both programs alike: where policies come from, and how registries are reached. */ -}}
{{- define "tidewaiter.engineArgs" -}}
{{- if eq .Values.policySource "values" }}
- --policy=/etc/tidewaiter/policies
{{- else }}
- --secrets-namespace={{ .Release.Namespace }}
{{- end }}
- --mode={{ .Values.mode }}
- --no-match={{ .Values.noMatch }}
{{- if .Values.podSecurityLabels }}
- --pod-security-labels
{{- end }}
{{- if eq (toString .Values.trustRootRefresh) "false" }}
- --no-trust-root-refresh
{{- end }}
{{- range .Values.registry.insecureRegistries }}
- {{ printf "--insecure-registry=%s" . | quote }}
{{- end }}
{{- range $host, $_ := .Values.registry.caFiles }}
- {{ printf "--registry-ca=%s=/etc/tidewaiter/registry-ca/%s.crt" $host $host | quote }}
{{- end }}
{{- with .Values.registry.dockerConfigSecret }}
- --docker-config=/etc/tidewaiter/docker/config.json
{{- end }}
{{- if .Values.registry.pullSecrets }}
- --pull-secrets
{{- end }}
{{- with .Values.registry.credentialProviders }}
{{- if .configMap }}
- --credential-provider-config=/etc/tidewaiter/provider-config/config.yaml
- {{ printf "--credential-provider-bin-dir=%s" .binDir | quote }}
{{- end }}
{{- end }}
{{- range $host, $mirrors := .Values.registry.mirrors }}
{{- range $mirrors }}
- {{ printf "--registry-mirror=%s=%s" $host . | quote }}
{{- end }}
{{- end }}
{{- with .Values.registry.proxy }}
- {{ printf "--registry-proxy=%s" . | quote }}
{{- end }}
{{- range .Values.registry.noProxy }}
- {{ printf "--no-proxy=%s" . | quote }}
{{- end }}
{{- range .Values.registry.allowAddresses }}
- {{ printf "--allow-address=%s" . | quote }}
{{- end }}
{{- end -}}

{{- define "tidewaiter.env" -}}
{{- with .Values.registry.proxySecret }}
- name: TIDEWAITER_REGISTRY_PROXY
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: url}
{{- end }}
{{- if or .Values.trustBundle.configMap .Values.trustBundle.secret }}
- name: SSL_CERT_FILE
  value: /etc/tidewaiter/trust-bundle/ca-certificates.crt
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidewaiter.engineMounts" -}}
{{- if eq .Values.policySource "values" }}
- {name: policies, mountPath: /etc/tidewaiter/policies, readOnly: true}
{{- end }}
{{- if or .Values.trustBundle.configMap .Values.trustBundle.secret }}
- {name: trust-bundle, mountPath: /etc/tidewaiter/trust-bundle, readOnly: true}
{{- end }}
{{- if .Values.registry.caFiles }}
- {name: registry-ca, mountPath: /etc/tidewaiter/registry-ca, readOnly: true}
{{- end }}
{{- if .Values.registry.dockerConfigSecret }}
- {name: docker, mountPath: /etc/tidewaiter/docker, readOnly: true}
{{- end }}
{{- if .Values.registry.credentialProviders.configMap }}
- {name: provider-config, mountPath: /etc/tidewaiter/provider-config, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidewaiter.engineVolumes" -}}
{{- if eq .Values.policySource "values" }}
- name: policies
  configMap:
    name: {{ include "tidewaiter.policiesConfigMap" . }}
{{- end }}
{{- with .Values.trustBundle }}
{{- if or .configMap .secret }}
- name: trust-bundle
  {{- include "tidewaiter.authority" (list . "ca-certificates.crt") | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.registry.caFiles }}
- name: registry-ca
  projected:
    sources:
      {{- range $host, $from := . }}
      - configMap:
          name: {{ $from.configMap }}
          items:
            - {key: {{ $from.key | quote }}, path: {{ printf "%s.crt" $host | quote }}}
      {{- end }}
{{- end }}
{{- with .Values.registry.dockerConfigSecret }}
- name: docker
  secret:
    secretName: {{ . }}
    items:
      - {key: .dockerconfigjson, path: config.json}
{{- end }}
{{- with .Values.registry.credentialProviders }}
{{- if .configMap }}
- name: provider-config
  configMap:
    name: {{ .configMap }}
    items:
      - {key: {{ .key | quote }}, path: config.yaml}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* A volume with one file, of a ConfigMap or of a Secret. Takes the values that name it, and the file's name. */ -}}
{{- define "tidewaiter.authority" -}}
{{- $path := last . -}}
{{- with first . -}}
{{- if .configMap -}}
configMap:
  name: {{ .configMap }}
{{- else -}}
secret:
  secretName: {{ .secret }}
{{- end }}
  items:
    - {key: {{ .key | quote }}, path: {{ $path }}}
{{- end -}}
{{- end -}}
