{{/* What the schema cannot say. Each message says what to do. */}}
{{- define "wakedock.checks" -}}
{{- $tls := .Values.gateway.tls -}}
{{- if and (eq $tls.mode "Secrets") (not $tls.secrets) -}}
{{- fail "gateway.tls.mode is Secrets but gateway.tls.secrets is empty: name at least one Secret of type kubernetes.io/tls" -}}
{{- end -}}
{{- if and (eq $tls.mode "ACME") (not $tls.acme.existingClaim) -}}
{{- fail "gateway.tls.mode is ACME: name a PersistentVolumeClaim in gateway.tls.acme.existingClaim, or each restart asks for new certificates until the authority refuses" -}}
{{- end -}}
{{- if and (eq $tls.mode "ACME") (gt (int .Values.gateway.replicas) 1) (ne $tls.acme.accessMode "ReadWriteMany") -}}
{{- fail "gateway.tls.mode is ACME with several gateways, which must share their certificates: use a ReadWriteMany claim and say so in gateway.tls.acme.accessMode, or set gateway.replicas to 1, or use gateway.tls.mode Secrets (with cert-manager, say)" -}}
{{- end -}}
{{- if and .Values.gateway.service.http3 (ne $tls.mode "Off") (ne (int .Values.gateway.service.httpsPort) 443) -}}
{{- fail "gateway.service.httpsPort is not 443: HTTP/3 is advertised on 443 and would not be found; use 443 or set gateway.service.http3 to false" -}}
{{- end -}}
{{- if and (ne $tls.mode "Secrets") $tls.secrets -}}
{{- fail (printf "gateway.tls.secrets is set but gateway.tls.mode is %s: set the mode to Secrets, or take the secrets out" $tls.mode) -}}
{{- end -}}
{{- range $field := list "trustedProxies" "proxyProtocol" -}}
{{- range $network := index $.Values.gateway $field -}}
{{- $ipv4 := "((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(/([0-9]|[12][0-9]|3[0-2]))?" -}}
{{- $ipv6 := "[0-9a-fA-F.]*:[0-9a-fA-F:.]*(/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?" -}}
{{- if not (regexMatch (printf "^(%s|%s)$" $ipv4 $ipv6) $network) -}}
{{- fail (printf "gateway.%s: %q is no network; write it as in 10.244.0.0/16" $field $network) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $namespace, $hosts := .Values.allowedHosts -}}
{{- if has "" $hosts -}}
{{- fail (printf "allowedHosts: %s has an empty host; for a namespace that may have none write [] in a file of values, or use --set-json" $namespace) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[1-9][0-9]*([.][0-9]+)?(Ki|Mi|Gi|k|M|G)?$" (toString .Values.gateway.runtimeSize)) -}}
{{- fail (printf "gateway.runtimeSize: %q is no size; write it as in 128Mi" (toString .Values.gateway.runtimeSize)) -}}
{{- end -}}
{{- range $field, $image := dict "image" .Values.image "gateway.caddy.image" .Values.gateway.caddy.image -}}
{{- if not (regexMatch "^(sha256:[0-9a-f]{64})?$" $image.digest) -}}
{{- fail (printf "%s.digest: %q is no digest; it is sha256: and 64 hexadecimal digits, or empty for the tag" $field $image.digest) -}}
{{- end -}}
{{- end -}}
{{- range .Values.watchNamespaces -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" .) -}}
{{- fail (printf "watchNamespaces: %q is not the name of a namespace" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
