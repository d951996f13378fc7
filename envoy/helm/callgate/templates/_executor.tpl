{{/* The executor's configuration: the chart's own fields over executor.config. */}}
{{- define "callgate.executor.config" -}}
{{- $executor := .Values.executor -}}
{{- $config := deepCopy $executor.config -}}
{{- $tls := dict "certificate" "tls/tls.crt" "key" "tls/tls.key" -}}
{{- $http := dict "listen" "0.0.0.0:7071" -}}
{{- $own := dict "listen" "0.0.0.0:7070" "contracts" $executor.contracts "stateDir" "/var/lib/callgate/state" "gracePeriod" (printf "%ds" (int $executor.gracePeriodSeconds)) -}}
{{- if $executor.tls.secretName -}}
{{- $_ := set $own "tls" (merge (dict "clientCa" "tls/ca.crt" "allowedClients" $executor.tls.allowedClients) $tls) -}}
{{- $_ := set $http "tls" $tls -}}
{{- else -}}
{{- $_ := set $own "exposed" $executor.exposed -}}
{{- $_ := set $http "exposed" "anyone on the way may read tokens and arguments" -}}
{{- end -}}
{{- $_ := set $own "http" $http -}}
{{- if .Values.serviceMonitor.enabled -}}{{- $_ := set $own "telemetry" (dict "openMetrics" true) -}}{{- end -}}
{{- mergeOverwrite $config $own | toYaml -}}
{{- end -}}

{{/* The paths of files in folders. */}}
{{- define "callgate.executor.nested" -}}
{{- $paths := list -}}
{{- range $path := concat (keys .Values.executor.files) (keys .Values.executor.binaryFiles) | sortAlpha -}}
{{- if contains "/" $path -}}{{- $paths = append $paths $path -}}{{- end -}}
{{- end -}}
{{- dict "paths" $paths | toYaml -}}
{{- end -}}
