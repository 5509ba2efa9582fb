{{/* What each process may do with WakeServices and apps. The same in a ClusterRole and, with watchNamespaces, in a Role per namespace.
The comment above each rule says why; docs/reference/rbac.md is made of them. */}}

{{/* Objects of the kinds in scaleTargets: the verbs that are given, the scale of each, and why. */}}
{{- define "wakedock.rules.targets" -}}
{{- range $group, $targets := include "wakedock.targets" .context | fromYaml }}
# {{ $.why }}
- apiGroups: [{{ $group | trimPrefix "group-" | quote }}]
  resources: [{{ $targets.resources | join ", " }}]
  verbs: [{{ $.verbs }}]
# {{ $.scaling }}
- apiGroups: [{{ $group | trimPrefix "group-" | quote }}]
  resources: [{{ $targets.scales | join ", " }}]
  verbs: [get, patch]
{{- end }}
{{- end -}}

{{/* The resources of scaleTargets by group. The core group has no name, which no key may be. */}}
{{- define "wakedock.targets" -}}
{{- $groups := dict -}}
{{- range .Values.scaleTargets -}}
{{- $known := get $groups (printf "group-%s" .apiGroup) | default (dict "resources" list "scales" list) -}}
{{- $resources := append $known.resources .resource | uniq -}}
{{- $scales := append $known.scales (printf "%s/scale" .resource) | uniq -}}
{{- $_ := set $groups (printf "group-%s" .apiGroup) (dict "resources" $resources "scales" $scales) -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{- define "wakedock.rules.gateway" -}}
# What is served, on which hosts, and in which state it is.
- apiGroups: [wakedock.dev]
  resources: [wakeservices]
  verbs: [get, list, watch]
# Wakes, and what this gateway says about each drain.
- apiGroups: [wakedock.dev]
  resources: [wakeservices/status]
  verbs: [patch]
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get" "why" "How far a start has come." "scaling" "Waking an app.") }}
# Which pods are a Deployment's own, and of which template.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list]
# How far a start has come: the pods of one workload, by its selector, for as long as somebody waits for it.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The address of an app that stays.
- apiGroups: [""]
  resources: [services]
  verbs: [get]
# Before it ends: which callers' Services still send requests here.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{- end -}}

{{- define "wakedock.rules.operator" -}}
# What is wanted, and in which state it is.
- apiGroups: [wakedock.dev]
  resources: [wakeservices]
  verbs: [get, list, watch]
# What is decided: awake, draining or asleep, conditions, ports of callers.
- apiGroups: [wakedock.dev]
  resources: [wakeservices/status]
  verbs: [patch]
{{- $why := "How far a start has come, and who else scales." }}
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get, list, watch" "why" $why "scaling" "Waking apps and putting them to sleep.") }}
# What `app` becomes.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
# Its scale.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
# Which pods are a Deployment's own, and of which template.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list]
# The address that stays, `service`, and Services that lead past the gateways.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# The gateways as what is behind `service`.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, create, patch, delete]
# Whether an app runs, and why one does not: the pods of one workload, by its selector, while it starts or ends.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The last line of an app that failed.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{ include "wakedock.rules.counts" . }}
# The first of them in a namespace: what does not exist yet has no name to be allowed by.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
# The history of each WakeService.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* The remembered replicas. */}}
{{- define "wakedock.rules.counts" -}}
# How many replicas each sleeping target had.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [wakedock-replicas]
  verbs: [get, list, patch, delete]
{{- end -}}

{{- define "wakedock.rules.restore" -}}
{{ include "wakedock.rules.counts" . }}
{{- $why := "Whether a target is still there." }}
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get" "why" $why "scaling" "Giving targets their replicas back.") }}
{{- end -}}

{{/* In the release's namespace: who is a gateway, and which operator leads. */}}
{{- define "wakedock.rules.operator.here" -}}
# Which gateways there are: each has a say in every sleep.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Which ports of the gateways were given to callers of which service, for the next operator.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "wakedock.fullname" . }}-operator-ports]
  verbs: [get, patch]
# Where somebody has deleted that.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
# The first operator makes the Lease.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# One operator decides at a time.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "wakedock.fullname" . }}-operator]
  verbs: [get, update, patch]
{{- end -}}

{{/* In the release's namespace: the Service through which requests come. */}}
{{- define "wakedock.rules.gateway.here" -}}
# Before it ends: whether the gateways' own Service still sends requests here.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{- end -}}

{{/* In the release's namespace: the operator that would put targets to sleep again. */}}
{{- define "wakedock.rules.restore.here" -}}
# Stopping the operator, which would put targets to sleep again.
- apiGroups: [apps]
  resources: [deployments/scale]
  resourceNames: [{{ include "wakedock.fullname" . }}-operator]
  verbs: [get, patch]
# Waiting until it is gone.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end -}}
