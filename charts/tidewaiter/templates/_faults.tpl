{{/* Stops the rendering with all that is missing or contradicts itself, and says how to mend it. */}}
{{- define "tidewaiter.refuseFaults" -}}
{{- $faults := list -}}
{{- if not .Values.image.repository -}}
  {{- $faults = append $faults "image.repository is not set: build the image, push it to your registry and name it here" -}}
{{- end -}}
{{- $tls := include "tidewaiter.tlsMode" . -}}
{{- $given := or .Values.tls.existingSecret .Values.tls.cert .Values.tls.key .Values.tls.caBundle -}}
{{- with .Values.tls -}}
  {{- if and (ne $tls "existingSecret") $given -}}
    {{- $faults = append $faults (printf "tls.mode is %s, and a certificate is given: take tls.existingSecret, tls.cert, tls.key and tls.caBundle away, or set tls.mode to existingSecret" $tls) -}}
  {{- else if and (eq $tls "inProcess") (not $.Values.controller.enabled) -}}
    {{- $faults = append $faults "nobody makes the serving certificate: set controller.enabled, or tls.mode to certManager, or give one" -}}
  {{- else if and .existingSecret (or .cert .key) -}}
    {{- $faults = append $faults "tls.existingSecret and tls.cert with tls.key are both set: give one of the two" -}}
  {{- else if and (eq $tls "existingSecret") (not (or .existingSecret (and .cert .key .caBundle))) -}}
    {{- $faults = append $faults (include "tidewaiter.howToMakeCertificate" $) -}}
  {{- else if and (eq $tls "existingSecret") (not .caBundle) (not $.Values.controller.enabled) -}}
    {{- $faults = append $faults "tls.caBundle is not set: give the certificate of the authority that signed the one in tls.existingSecret (of a self-signed one, itself), or set controller.enabled, and have it under ca.crt in that Secret" -}}
  {{- end -}}
  {{- if and .issuerRef (ne $tls "certManager") -}}
    {{- $faults = append $faults "tls.issuerRef is set, and tls.mode is not certManager" -}}
  {{- else if and .issuerRef (not .issuerRef.name) -}}
    {{- $faults = append $faults "tls.issuerRef has no name" -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.trustBundle.configMap .Values.trustBundle.secret -}}
  {{- $faults = append $faults "trustBundle.configMap and trustBundle.secret are both set: give one of the two" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) -}}
  {{- $faults = append $faults "autoscaling.maxReplicas is less than autoscaling.minReplicas" -}}
{{- end -}}
{{- with .Values.webhook.clientCA -}}
  {{- if and .configMap .secret -}}
    {{- $faults = append $faults "webhook.clientCA.configMap and webhook.clientCA.secret are both set: give one of the two" -}}
  {{- else if and (or .configMap .secret) (not .names) -}}
    {{- $faults = append $faults "webhook.clientCA.names is empty: name what the API server's certificate bears; of most authorities others have certificates too" -}}
  {{- else if and .names (not (or .configMap .secret)) -}}
    {{- $faults = append $faults "webhook.clientCA.names is set without an authority: give webhook.clientCA.configMap or webhook.clientCA.secret" -}}
  {{- end -}}
{{- end -}}
{{- with .Values.registry -}}
  {{- if and .proxy .proxySecret -}}
    {{- $faults = append $faults "registry.proxy and registry.proxySecret are both set: give one of the two" -}}
  {{- else if and .noProxy (not (or .proxy .proxySecret)) -}}
    {{- $faults = append $faults "registry.noProxy is set without registry.proxy or registry.proxySecret" -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.existingPoliciesConfigMap .Values.trustRoots -}}
  {{- $faults = append $faults "existingPoliciesConfigMap and trustRoots are both set: put TrustRoot documents into that ConfigMap" -}}
{{- end -}}
{{- if eq .Values.policySource "cluster" -}}
  {{- if .Values.staticPolicies.enabled -}}
    {{- $faults = append $faults "policySource is cluster and staticPolicies.enabled is set: static policies are made of the values' policies, or of existingPoliciesConfigMap" -}}
  {{- end -}}
  {{- if .Values.existingPoliciesConfigMap -}}
    {{- $faults = append $faults "policySource is cluster and existingPoliciesConfigMap is set: policies come from one of the two" -}}
  {{- end -}}
{{- else if .Values.policySecrets -}}
  {{- $faults = append $faults "policySecrets is set, and policySource is not cluster: other policies cannot name Secrets" -}}
{{- end -}}
{{- range $name, $written := .Values.workloadKinds -}}
  {{- $paths := splitList "," $written -}}
  {{- range $index, $path := $paths -}}
    {{- $end := trimSuffix "[]" $path -}}
    {{- range $further, $other := $paths -}}
      {{- if and (ne $index $further) (or (eq $other $end) (hasPrefix (printf "%s." $end) $other) (hasPrefix (printf "%s[]" $end) $other)) -}}
        {{- $faults = append $faults (printf "workloadKinds of %s: the path %s is named twice, or another one leads on from its end" $name $end) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- /* Policies of the cluster are those of the values only when they are made. */ -}}
{{- if or (and (eq .Values.policySource "values") (not .Values.existingPoliciesConfigMap)) (and (eq .Values.policySource "cluster") .Release.IsInstall) -}}
  {{- $acting := 0 -}}
  {{- range .Values.policies -}}
    {{- if ne (toString .mode) "Audit" -}}{{- $acting = add1 $acting -}}{{- end -}}
  {{- end -}}
  {{- if .Values.policies -}}
    {{- if and (eq .Values.mode "policy") (eq .Values.noMatch "deny") (not $acting) -}}
      {{- $faults = append $faults "mode is policy and noMatch is deny, but every policy is of mode Audit: every pod would be denied. Write a policy of mode Enforce or Warn, or set noMatch" -}}
    {{- end -}}
  {{- else if eq .Values.policySource "values" -}}
    {{- $faults = append $faults "policies is empty: write at least one, or name a ConfigMap in existingPoliciesConfigMap" -}}
  {{- end -}}
{{- end -}}
{{- if $faults -}}
  {{- fail (printf "the values cannot be used:\n- %s\n" (join "\n- " (uniq $faults))) -}}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.howToMakeCertificate" -}}
{{- $name := include "tidewaiter.name" . -}}
there is no serving certificate: set tls.existingSecret and tls.caBundle, or tls.cert, tls.key and tls.caBundle, or leave it to
    the controller with tls.mode inProcess. To make one:
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -keyout tls.key -out tls.crt \
      -subj /CN={{ $name }} -addext subjectAltName=DNS:{{ $name }}.{{ .Release.Namespace }}.svc
    kubectl create secret tls {{ $name }}-tls -n {{ .Release.Namespace }} --cert tls.crt --key tls.key
    helm … --set tls.existingSecret={{ $name }}-tls --set-file tls.caBundle=tls.crt
{{- end -}}
