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
{{- range .Values.watchNamespaces -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" .) -}}
{{- fail (printf "watchNamespaces: %q is not the name of a namespace" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
