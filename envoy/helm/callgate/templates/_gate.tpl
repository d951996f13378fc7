{{/* The parts of a pod with a gate: of the Deployment, and of the patch for a sidecar. */}}

{{- define "callgate.gate.container" -}}
{{- $gate := .Values.gate -}}
name: callgate
image: {{ include "callgate.image" (list . $gate.image) }}
imagePullPolicy: {{ $gate.image.pullPolicy }}
args:
  - --config-path
  - /etc/envoy/{{ $gate.config.key }}
  - --concurrency
  - {{ $gate.concurrency | quote }}
  # It needs shared memory, and Kubernetes replaces pods instead.
  - --disable-hot-restart
ports:
  {{- if eq .Values.mode "gateway" }}
  - { name: http, containerPort: {{ $gate.port }}, protocol: TCP }
  {{- end }}
  {{- if $gate.metricsPort }}
  - { name: gate-metrics, containerPort: {{ $gate.metricsPort }}, protocol: TCP }
  {{- end }}
securityContext:
  {{- include "callgate.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml $gate.resources | nindent 2 }}
{{- include "callgate.gate.probes" . }}
lifecycle:
  preStop: { sleep: { seconds: {{ $gate.drainSeconds }} } }
volumeMounts:
  - { name: callgate-config, mountPath: /etc/envoy, readOnly: true }
  {{- if $gate.tls.secretName }}
  - { name: callgate-tls, mountPath: /etc/callgate/tls, readOnly: true }
  {{- end }}
  {{- if $gate.module.repository }}
  - { name: callgate-module, mountPath: /etc/callgate/module, readOnly: true }
  {{- end }}
  {{- range $at, $mount := $gate.secretMounts }}
  - { name: callgate-secret-{{ $at }}, mountPath: {{ $mount.mountPath | quote }}, readOnly: true }
  {{- end }}
  {{- range $at, $mount := $gate.configMapMounts }}
  - { name: callgate-files-{{ $at }}, mountPath: {{ $mount.mountPath | quote }}, readOnly: true }
  {{- end }}
{{- end -}}

{{/* Envoy's own readiness. Without it the gate itself answers a path to anybody; a sidecar on loopback then has no probe. */}}
{{- define "callgate.gate.probes" -}}
{{- $gate := .Values.gate -}}
{{- if or $gate.metricsPort (eq .Values.mode "gateway") }}
{{- $get := ternary (dict "path" "/ready" "port" "gate-metrics") (dict "path" "/api/hello" "port" "http") (gt (int $gate.metricsPort) 0) }}
# The filter is compiled in this time.
startupProbe:
  httpGet: {{ toJson $get }}
  periodSeconds: 1
  failureThreshold: 120
readinessProbe:
  httpGet: {{ toJson $get }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {{ toJson $get }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
{{- end -}}

{{/* In a gateway's pod fsGroup lets Envoy read a Secret. The pod of an application may have none, so all of its users may read there; only the
containers that mount it see it. */}}
{{- define "callgate.gate.volumes" -}}
{{- $gate := .Values.gate -}}
{{- $mode := ternary "0440" "0444" (eq .Values.mode "gateway") -}}
- name: callgate-config
  {{- if $gate.config.existingSecret }}
  secret: { secretName: {{ $gate.config.existingSecret }}, defaultMode: {{ $mode }} }
  {{- else }}
  configMap: { name: {{ default (include "callgate.gate.name" .) $gate.config.existingConfigMap }} }
  {{- end }}
{{- if $gate.tls.secretName }}
- name: callgate-tls
  secret: { secretName: {{ $gate.tls.secretName }}, defaultMode: {{ $mode }} }
{{- end }}
{{- if $gate.module.repository }}
- name: callgate-module
  image: { reference: {{ include "callgate.image" (list . $gate.module) | quote }}, pullPolicy: {{ $gate.module.pullPolicy }} }
{{- end }}
{{- range $at, $mount := $gate.secretMounts }}
- name: callgate-secret-{{ $at }}
  secret: { secretName: {{ $mount.secretName }}, defaultMode: {{ $mode }} }
{{- end }}
{{- range $at, $mount := $gate.configMapMounts }}
- name: callgate-files-{{ $at }}
  configMap: { name: {{ $mount.name }} }
{{- end }}
{{- end -}}

{{/* A changed configuration replaces the pods. The digests are those of the comment that `render` writes. */}}
{{- define "callgate.gate.annotations" -}}
{{- with .Values.gate.config.inline -}}
callgate.dev/config-sha256: {{ sha256sum . }}
callgate.dev/contracts: {{ regexFindAll "sha256:[0-9a-f]{64}" (splitList "\nadmin:" . | first) -1 | uniq | join "," | quote }}
{{- end }}
{{- end -}}

{{/* As a sidecar: the pod's own security settings are the application's. */}}
{{- define "callgate.gate.sidecar" -}}
{{- $security := include "callgate.containerSecurity" . | fromYaml -}}
{{- $_ := set $security "runAsUser" 65532 -}}
{{- $_ := set $security "runAsGroup" 65532 -}}
{{- $container := include "callgate.gate.container" . | fromYaml -}}
{{- $_ := set $container "restartPolicy" "Always" -}}
{{- $_ := set $container "securityContext" $security -}}
{{- toYaml $container -}}
{{- end -}}
