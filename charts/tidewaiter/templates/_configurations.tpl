{{- /*
The webhooks of each configuration. They are rendered twice: into the configuration, and for the controller, which
compares it with them. Each takes the root, and "values" where the authority that was given in values belongs to it, else "".
*/ -}}
{{- define "tidewaiter.webhooks.validating" -}}
{{- $trust := last . -}}
{{- with first . -}}
- name: pods.tidewaiter.dev
  failurePolicy: {{ eq .Values.mode "policy" | ternary "Fail" "Ignore" }}
  rules:
    {{- include "tidewaiter.podRules" . | nindent 4 }}
  {{- include "tidewaiter.call" (list . "/validate" $trust) | nindent 2 }}
{{- if ne .Values.workloads "ignore" }}
# Early word on what the pods of a workload would meet. Nothing depends on it: the pods are judged above.
- name: workloads.tidewaiter.dev
  failurePolicy: Ignore
  rules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [podtemplates, replicationcontrollers]
      scope: Namespaced
    - apiGroups: [apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [daemonsets, deployments, replicasets, statefulsets]
      scope: Namespaced
    - apiGroups: [batch]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [cronjobs, jobs]
      scope: Namespaced
    {{- range $name, $_ := .Values.workloadKinds }}
    - apiGroups: [{{ regexReplaceAll "^[^.]*[.]" $name "" | quote }}]
      apiVersions: ["*"]
      operations: [CREATE, UPDATE]
      resources: [{{ regexReplaceAll "[.].*$" $name "" | quote }}]
      scope: Namespaced
    {{- end }}
  {{- include "tidewaiter.call" (list . "/validate" $trust) | nindent 2 }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.webhooks.guard" -}}
{{- $trust := last . -}}
{{- with first . -}}
{{- if contains "policies" (include "tidewaiter.guards" .) }}
- name: policies.guard.tidewaiter.dev
  failurePolicy: Fail
  rules:
    - apiGroups: [tidewaiter.dev]
      apiVersions: [v1alpha1]
      operations: [CREATE, UPDATE]
      resources: [clusterpodpolicies, trustroots]
      scope: Cluster
  {{- $made := list }}
  {{- range $name, $_ := .Values.policies }}{{ $made = append $made (printf "clusterpodpolicies/%s" $name) }}{{ end }}
  {{- range $name, $_ := .Values.trustRoots }}{{ $made = append $made (printf "trustroots/%s" $name) }}{{ end }}
  {{- if and .Release.IsInstall $made }}
  matchConditions:
    # Helm makes those of the values right behind this configuration, before any replica is ready: these, and only while
    # the release is new. An upgrade takes the condition away.
    - name: not-made-by-the-installation
      expression: >-
        request.operation != 'CREATE'
        || object.metadata.?annotations[?'helm.sh/hook'].orValue('') != 'post-install'
        || !(request.resource.resource + '/' + object.metadata.?name.orValue('') in {{ toJson $made }})
  {{- end }}
  {{- include "tidewaiter.call" (list . "/guard" $trust) | nindent 2 }}
{{- end }}
- name: namespaces.guard.tidewaiter.dev
  failurePolicy: Fail
  rules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [namespaces]
      scope: Cluster
  matchConditions:
    # Everything else about namespaces goes on, whether a replica answers or not. The API server sets the one label itself.
    - name: labels-are-set-or-changed
      expression: >-
        request.operation == 'CREATE'
        ? object.metadata.?labels.orValue({}).exists(key, key != 'kubernetes.io/metadata.name')
        : object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})
  {{- include "tidewaiter.call" (list . "/guard" $trust) | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "tidewaiter.webhooks.pin" -}}
{{- $trust := last . -}}
{{- with first . -}}
- name: pin.tidewaiter.dev
  failurePolicy: Ignore
  reinvocationPolicy: IfNeeded
  rules:
    {{- include "tidewaiter.podRules" . | nindent 4 }}
  {{- include "tidewaiter.call" (list . "/pin" $trust) | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* Annotations of a configuration: which rendering it is of, and those of values. Takes the root and what it is for. */ -}}
{{- define "tidewaiter.configurationAnnotations" -}}
{{- $purpose := last . -}}
{{- with first . -}}
tidewaiter.dev/rendered: {{ include (printf "tidewaiter.webhooks.%s" $purpose) (list . "") | sha256sum }}
{{- if eq (include "tidewaiter.tlsMode" .) "certManager" }}
cert-manager.io/inject-ca-from: {{ printf "%s/%s" .Release.Namespace (include "tidewaiter.tlsSecret" .) }}
{{- end }}
{{- with .Values.webhook.annotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* A configuration as the controller compares it. Takes the root, the kind, the name, and what it is for. */ -}}
{{- define "tidewaiter.meantConfiguration" -}}
{{- $root := first . -}}
apiVersion: admissionregistration.k8s.io/v1
kind: {{ index . 1 }}
metadata:
  name: {{ index . 2 }}
  annotations:
    {{- include "tidewaiter.configurationAnnotations" (list $root (last .)) | nindent 4 }}
webhooks:
  {{- include (printf "tidewaiter.webhooks.%s" (last .)) (list $root "") | nindent 2 }}
{{- end -}}
