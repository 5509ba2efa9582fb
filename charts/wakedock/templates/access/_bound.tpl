{{/* The rules of a process, bound to its account: in the whole cluster, or in each watched namespace. */}}
{{- define "wakedock.bound" -}}
{{- $context := .context -}}
{{- $labels := include "wakedock.labels" $context | nindent 4 -}}
{{- $account := .account -}}
{{- if $context.Values.watchNamespaces -}}
{{- $name := printf "%s-%s" (include "wakedock.clusterName" $context) .process -}}
{{- range $namespace := $context.Values.watchNamespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels: {{- $labels }}
    app.kubernetes.io/component: {{ $.process }}
rules:
{{ $.rules | indent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels: {{- $labels }}
    app.kubernetes.io/component: {{ $.process }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $account }}, namespace: {{ $context.Release.Namespace }}}
{{- end }}
{{- else }}
{{- $name := printf "%s-%s" (include "wakedock.clusterName" $context) .process }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels: {{- $labels }}
    app.kubernetes.io/component: {{ .process }}
rules:
{{ .rules | indent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels: {{- $labels }}
    app.kubernetes.io/component: {{ .process }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $account }}, namespace: {{ $context.Release.Namespace }}}
{{- end }}
{{- end -}}

{{/* What a process may do in the release's own namespace. */}}
{{- define "wakedock.bound.here" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "wakedock.fullname" .context }}-{{ .process }}
  namespace: {{ .context.Release.Namespace }}
  labels:
    {{- include "wakedock.labels" .context | nindent 4 }}
    app.kubernetes.io/component: {{ .process }}
rules:
{{ .rules | indent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "wakedock.fullname" .context }}-{{ .process }}
  namespace: {{ .context.Release.Namespace }}
  labels:
    {{- include "wakedock.labels" .context | nindent 4 }}
    app.kubernetes.io/component: {{ .process }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ include "wakedock.fullname" .context }}-{{ .process }}}
subjects:
  - {kind: ServiceAccount, name: {{ .account }}, namespace: {{ .context.Release.Namespace }}}
{{- end -}}

{{- define "wakedock.account" -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .account }}
  namespace: {{ .context.Release.Namespace }}
  labels:
    {{- include "wakedock.labels" .context | nindent 4 }}
    app.kubernetes.io/component: {{ .process }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
