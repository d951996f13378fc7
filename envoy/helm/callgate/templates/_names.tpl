{{/* Names, labels and images. Names have at most 49 bytes: Kubernetes adds a hash to a StatefulSet's name, and a label holds 63. */}}

{{- define "callgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "callgate.gate.name" -}}{{ include "callgate.fullname" . }}-gate{{- end -}}
{{- define "callgate.executor.name" -}}{{ include "callgate.fullname" . }}-executor{{- end -}}

{{/* Labels that select pods. They never change, because a selector cannot. */}}
{{- define "callgate.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The label of a pod that may talk to this release's executor: the chart's gates, and patched pods. */}}
{{- define "callgate.client" -}}
callgate.dev/executor: {{ include "callgate.executor.name" . }}
{{- end -}}

{{- define "callgate.labels" -}}
{{ include "callgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: callgate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* callgate.image (list ROOT IMAGE) */}}
{{- define "callgate.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default $root.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* callgate.account (list ROOT ACCOUNT DEFAULT) */}}
{{- define "callgate.account" -}}
{{- $root := index . 0 -}}
{{- $account := index . 1 -}}
{{- if $account.name -}}
{{ $account.name }}
{{- else if $root.Values.serviceAccounts.create -}}
{{ index . 2 }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* Pod Security `restricted`. Both images run as this user. */}}
{{- define "callgate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# A full change of modes at each mount would open the executor's state to a group, and it refuses such a folder.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "callgate.containerSecurity" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* callgate.scheduling (list ROOT PART COMPONENT) */}}
{{- define "callgate.scheduling" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- with $part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
topologySpreadConstraints:
{{- if $part.topologySpreadConstraints }}
{{ toYaml $part.topologySpreadConstraints | indent 2 }}
{{- else }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "callgate.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ index $ 2 }}
{{- end }}
{{- end }}
{{- end -}}
