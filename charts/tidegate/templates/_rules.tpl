{{- /* What the operator may do in the namespaces it serves. */ -}}
{{- define "tidegate.rules.namespaced" -}}
- {apiGroups: [tidegate.dev], resources: [rollouts], verbs: [get, list, watch, patch]}
- {apiGroups: [tidegate.dev], resources: [rolloutcommands], verbs: [list, watch, delete]}
- {apiGroups: [tidegate.dev], resources: [metrictemplates], verbs: [get, list, watch]}
- {apiGroups: [tidegate.dev], resources: [rollouts/status, rolloutcommands/status], verbs: [patch]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch{{ if or .Values.features.copyTemplate .Values.features.scale }}, patch{{ end }}]}
- {apiGroups: [apps], resources: [replicasets], verbs: [list]}
{{- if .Values.features.scale }}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list]}
- {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [list]}
{{- end }}
{{- if .Values.features.jobs }}
- {apiGroups: [batch], resources: [jobs], verbs: [create, get, list, watch]}
- {apiGroups: [batch], resources: [cronjobs], verbs: [get]}
{{- end }}
- {apiGroups: [""], resources: [services], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
{{- range (include "tidegate.routeRules" . | fromYamlArray) }}
- {apiGroups: [{{ .group }}], resources: [{{ join ", " .resources }}], verbs: [{{ join ", " .verbs }}]}
{{- end }}
{{- range .Values.config.custom }}
- {apiGroups: [{{ .group | quote }}], resources: [{{ .plural }}], verbs: [get, list, watch, patch]}
{{- end }}
{{- end -}}

{{- /* What it reads outside of namespaces. Without it, Rollouts that name a ClusterMetricTemplate wait, new CRDs are
noticed late, and freezes with a selector hold in every namespace. */ -}}
{{- define "tidegate.rules.cluster" -}}
- {apiGroups: [tidegate.dev], resources: [clustermetrictemplates], verbs: [get, list, watch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [list, watch]}
{{- if .Values.admission.enabled }}
- {apiGroups: [admissionregistration.k8s.io], resources: [validatingadmissionpolicies, validatingadmissionpolicybindings], verbs: [get]}
{{- end }}
{{- $chosen := list -}}
{{- range .Values.config.freezes }}{{ if .namespaceSelector }}{{ $chosen = append $chosen .name }}{{ end }}{{ end -}}
{{- if or .Values.namespaces $chosen }}
- {apiGroups: [""], resources: [namespaces], verbs: [list, watch]}
{{- end }}
{{- end -}}

{{- /* What the chosen routers need: one rule for each API group and set of verbs. */ -}}
{{- define "tidegate.routeRules" -}}
{{- $known := .Files.Get "files/routers.yaml" | fromYaml -}}
{{- $rules := dict -}}
{{- range $kind := .Values.routers -}}
{{- range $grant := get $known $kind -}}
{{- $key := printf "%s %s" $grant.group (join "," $grant.verbs) -}}
{{- $before := get $rules $key | default dict -}}
{{- $resources := append ($before.resources | default list) $grant.resource | uniq -}}
{{- $_ := set $rules $key (dict "group" $grant.group "resources" $resources "verbs" $grant.verbs) -}}
{{- end -}}
{{- end -}}
{{- $found := list -}}
{{- range $key := keys $rules | sortAlpha -}}
{{- $found = append $found (get $rules $key) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}
