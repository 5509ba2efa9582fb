{{/* What each process may do with WakeServices and apps. The same in a ClusterRole and, with watchNamespaces, in a Role per namespace. */}}

{{/* Objects of the kinds in scaleTargets: the verbs that are given, and the scale of each. */}}
{{- define "wakedock.rules.targets" -}}
{{- range $group, $targets := include "wakedock.targets" .context | fromYaml }}
- apiGroups: [{{ $group | trimPrefix "group-" | quote }}]
  resources: [{{ $targets.resources | join ", " }}]
  verbs: [{{ $.verbs }}]
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
- apiGroups: [wakedock.dev]
  resources: [wakeservices]
  verbs: [get, list, watch]
- apiGroups: [wakedock.dev]
  resources: [wakeservices/status]
  verbs: [patch]
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get, list") }}
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list]
# A pod that starts is followed by its name, until it has an address.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list]
# Before it ends: who still sends requests here.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list]
{{- end -}}

{{- define "wakedock.rules.operator" -}}
- apiGroups: [wakedock.dev]
  resources: [wakeservices]
  verbs: [get, list, watch]
- apiGroups: [wakedock.dev]
  resources: [wakeservices/status]
  verbs: [get, patch, update]
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get, list, watch") }}
# What `app` becomes, and its scale.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list]
# The address that stays, and `service`.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{ include "wakedock.rules.counts" . }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* The remembered replicas. */}}
{{- define "wakedock.rules.counts" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [wakedock-replicas]
  verbs: [get, list, patch, delete]
{{- end -}}

{{- define "wakedock.rules.restore" -}}
{{ include "wakedock.rules.counts" . }}
{{- include "wakedock.rules.targets" (dict "context" . "verbs" "get") }}
{{- end -}}

{{/* In the release's namespace: who is a gateway, how they are reached, and which operator leads. */}}
{{- define "wakedock.rules.operator.here" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "wakedock.fullname" . }}-operator]
  verbs: [get, update, patch]
{{- end -}}

{{/* In the release's namespace: the operator that would put targets to sleep again. */}}
{{- define "wakedock.rules.restore.here" -}}
- apiGroups: [apps]
  resources: [deployments/scale]
  resourceNames: [{{ include "wakedock.fullname" . }}-operator]
  verbs: [get, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end -}}
