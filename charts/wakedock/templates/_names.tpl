{{- define "wakedock.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that what is appended fits into a DNS label. */}}
{{- define "wakedock.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "wakedock.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "wakedock.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Cluster-scoped objects carry the namespace too: two releases of one name may live in two namespaces. */}}
{{- define "wakedock.clusterName" -}}
{{- if eq .Release.Namespace (include "wakedock.fullname" .) -}}
{{- include "wakedock.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "wakedock.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "wakedock.selector" -}}
app.kubernetes.io/name: {{ include "wakedock.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wakedock.labels" -}}
{{ include "wakedock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: wakedock
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "wakedock.operator.account" -}}
{{- default (printf "%s-operator" (include "wakedock.fullname" .)) .Values.operator.serviceAccount.name -}}
{{- end -}}

{{- define "wakedock.gateway.account" -}}
{{- default (printf "%s-gateway" (include "wakedock.fullname" .)) .Values.gateway.serviceAccount.name -}}
{{- end -}}

{{- define "wakedock.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wakedock.caddy.image" -}}
{{- with .Values.gateway.caddy.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The label by which alerts tell operator and gateways apart. */}}
{{- define "wakedock.relabel" -}}
sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
targetLabel: {{ . }}
{{- end -}}
