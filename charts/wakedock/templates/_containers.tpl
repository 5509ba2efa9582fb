{{/* What every container may do: nothing. */}}
{{- define "wakedock.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Who and where the process is. */}}
{{- define "wakedock.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}

{{/* Flags of every process. */}}
{{- define "wakedock.flags" -}}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
- --namespace=$(POD_NAMESPACE)
{{- range .Values.watchNamespaces }}
- --watch-namespaces={{ . }}
{{- end }}
{{- end -}}

{{/* Where and how a pod runs, from the values of its process. */}}
{{- define "wakedock.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The binary of the official image has the file capability for low ports, and does not start where it may not have it. */}}
{{- define "wakedock.caddy.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
{{- end -}}
