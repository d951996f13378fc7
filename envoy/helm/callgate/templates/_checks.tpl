{{/* Mistakes that would show only in a running pod. Each one ends the rendering, with the line to change. */}}

{{- define "callgate.checks" -}}
{{- $gate := .Values.gate -}}
{{- $executor := .Values.executor -}}
{{- $given := 0 -}}
{{- range list $gate.config.inline $gate.config.existingConfigMap $gate.config.existingSecret -}}
{{- if . -}}{{- $given = add1 $given -}}{{- end -}}
{{- end -}}
{{- if ne (int $given) 1 -}}
{{- fail "the gate has no configuration, or several (gate.config); render it with `callgate render --target envoy`, and give exactly one of --set-file gate.config.inline=envoy.yaml, gate.config.existingConfigMap and gate.config.existingSecret" -}}
{{- end -}}
{{- if $gate.config.inline -}}{{- include "callgate.checks.config" . -}}{{- end -}}

{{- if $executor.enabled -}}
{{- if and (not $executor.tls.secretName) (not $executor.exposed) -}}
{{- fail "the executor has no certificate (executor.tls.secretName); name a Secret with tls.crt, tls.key and ca.crt. In a network of your own, executor.exposed: \"anyone who reaches this port may run tools\" opens the port without TLS" -}}
{{- end -}}
{{- if and $executor.tls.secretName $executor.exposed -}}
{{- fail "executor.tls.secretName and executor.exposed exclude each other; remove one" -}}
{{- end -}}
{{- if and $executor.tls.secretName (not $executor.tls.allowedClients) -}}
{{- fail "no client may run tools (executor.tls.allowedClients); name the gate's certificate, such as dns:callgate-gate" -}}
{{- end -}}
{{- range $name := list "listen" "tls" "exposed" "stateDir" "contracts" "gracePeriod" "socketMode" -}}
{{- if hasKey $executor.config $name -}}
{{- fail (printf "the chart sets this field itself (executor.config.%s); remove it, and use executor.* of the values" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "listen" "tls" "exposed" "socketMode" -}}
{{- if hasKey (default dict $executor.config.http) $name -}}
{{- fail (printf "the chart sets this field itself (executor.config.http.%s); remove it" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $executor.replicas) 1) (not (dig "once" "postgres" false $executor.config)) -}}
{{- fail "several executors would each remember only their own calls, so a repeated call could run twice (executor.replicas); set executor.config.once.postgres, or take one replica" -}}
{{- end -}}
{{- if not $executor.contractsImage.repository -}}
{{- range $file := $executor.contracts -}}
{{- if and (not (hasPrefix "/" $file)) (not (hasKey $executor.files $file)) (not $executor.fileConfigMaps) -}}
{{- fail (printf "no file has this name (executor.contracts: %s); give it with --set-file 'executor.files.%s=%s', or name a ConfigMap in executor.fileConfigMaps" $file (replace "." "\\." $file) $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $path, $text := $executor.files -}}
{{- if hasKey $executor.binaryFiles $path -}}
{{- fail (printf "two files have this path (executor.files and executor.binaryFiles: %s); remove one" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and $gate.autoscaling.enabled (gt (int $gate.autoscaling.minReplicas) (int $gate.autoscaling.maxReplicas)) -}}
{{- fail "gate.autoscaling.minReplicas is above maxReplicas; lower it" -}}
{{- end -}}
{{- end -}}

{{/* What the chart can know of a configuration that it holds itself. */}}
{{- define "callgate.checks.config" -}}
{{- $gate := .Values.gate -}}
{{- $text := $gate.config.inline -}}
{{- $config := fromYaml $text -}}
{{- if or (hasKey $config "Error") (not (hasKey $config "static_resources")) -}}
{{- fail "gate.config.inline is no configuration of Envoy; give the output of `callgate render --target envoy` with --set-file" -}}
{{- end -}}
{{- if contains "THIS CONTRACT IS NOT PINNED" $text -}}
{{- fail "the contract in gate.config.inline is not pinned, so the executor would refuse it; run `callgate pin`, and render again" -}}
{{- end -}}
{{- if contains "envoy.filters.http.api_key_auth" $text -}}
{{- fail "gate.config.inline holds the keys of callers (--identity api-key); put it into a Secret, and name that in gate.config.existingSecret" -}}
{{- end -}}
{{- $admin := dig "admin" "address" "socket_address" "address" "" $config -}}
{{- if not (or (hasPrefix "127." $admin) (eq "::1" $admin)) -}}
{{- fail "Envoy's admin port is open to other pods (admin in gate.config.inline); render without --admin" -}}
{{- end -}}
{{- $wanted := ternary "any address (0.0.0.0)" "loopback (127.0.0.1)" (eq .Values.mode "gateway") -}}
{{- $open := list "0.0.0.0" "::" -}}
{{- $ports := dict -}}
{{- range $listener := $config.static_resources.listeners -}}
{{- $address := dig "address" "socket_address" dict $listener -}}
{{- if $address -}}{{- $_ := set $ports (toString (int $address.port_value)) $address.address -}}{{- end -}}
{{- end -}}
{{- $host := get $ports (toString (int $gate.port)) -}}
{{- if not $host -}}
{{- fail (printf "the configuration does not listen on gate.port %d; render with --listen HOST:%d, or change gate.port" (int $gate.port) (int $gate.port)) -}}
{{- end -}}
{{- if and (eq .Values.mode "gateway") (not (has $host $open)) -}}
{{- fail (printf "no other pod reaches the gate at %s; render with --listen 0.0.0.0:%d" $host (int $gate.port)) -}}
{{- end -}}
{{- if and (eq .Values.mode "sidecar") (has $host $open) -}}
{{- fail (printf "other pods would reach this sidecar; render with --listen 127.0.0.1:%d" (int $gate.port)) -}}
{{- end -}}
{{- if $gate.metricsPort -}}
{{- if not (has (get $ports (toString (int $gate.metricsPort))) $open) -}}
{{- fail (printf "the configuration has no metrics listener on port %d; render with --metrics 0.0.0.0:%d, or set gate.metricsPort: 0" (int $gate.metricsPort) (int $gate.metricsPort)) -}}
{{- end -}}
{{- end -}}
{{- $encrypted := contains "/etc/callgate/tls/ca.crt" $text -}}
{{- if and .Values.executor.enabled .Values.executor.tls.secretName (not $encrypted) -}}
{{- fail "the configuration reaches the executor without TLS, and the executor expects it; render with --executor-ca /etc/callgate/tls/ca.crt --executor-certificate /etc/callgate/tls/tls.crt --executor-key /etc/callgate/tls/tls.key" -}}
{{- end -}}
{{- if and $encrypted (not $gate.tls.secretName) -}}
{{- fail "the configuration names files in /etc/callgate/tls; name their Secret in gate.tls.secretName" -}}
{{- end -}}
{{- end -}}
