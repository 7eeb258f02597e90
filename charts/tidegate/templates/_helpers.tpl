{{- define "tidegate.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "tidegate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tidegate.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The metadata of an object: (dict "root" $ "name" NAME ["namespace" NS] ["labels" MAP] ["annotations" MAP]). */ -}}
{{- define "tidegate.metadata" -}}
{{- $labels := merge (dict) (.labels | default dict) (include "tidegate.labels" .root | fromYaml) -}}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.commonAnnotations -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels: {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "tidegate.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name: is required with serviceAccount.create=false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.commandPolicy" -}}
{{- include "tidegate.fullname" . }}-commands
{{- end -}}

{{- /* The constraints of the admission policies: RolloutCommands that are created in the namespaces served. */ -}}
{{- define "tidegate.createdCommands" -}}
resourceRules:
- {apiGroups: [tidegate.dev], apiVersions: ["*"], operations: [CREATE], resources: [rolloutcommands]}
{{- with .Values.namespaces }}
namespaceSelector:
  matchExpressions:
  - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end }}
{{- end -}}

{{- define "tidegate.port" -}}
{{- regexFind "[0-9]+$" .Values.config.listen -}}
{{- end -}}

{{- /* The operator's configuration file. */ -}}
{{- define "tidegate.config" -}}
{{- $own := dict "namespaces" .Values.namespaces "routers" .Values.routers -}}
{{- with .Values.reports.namespaces -}}
{{- $_ := set $own "reports" . -}}
{{- end -}}
{{- if and .Values.admission.enabled .Values.clusterScopedResources -}}
{{- $_ := set $own "commandPolicy" (include "tidegate.commandPolicy" .) -}}
{{- end -}}
{{- toYaml (merge $own .Values.config) -}}
{{- end -}}

{{- /* What the schema cannot say. */ -}}
{{- define "tidegate.check" -}}
{{- if and (not .Values.clusterScopedResources) (not .Values.namespaces) -}}
{{- fail "namespaces: is required with clusterScopedResources=false: the whole cluster cannot be served by Roles" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.config.sources (not .Values.networkPolicy.sources) -}}
{{- fail "networkPolicy.sources: is required with networkPolicy.enabled=true: without it the operator cannot reach config.sources" -}}
{{- end -}}
{{- $schemes := dig "schemes" list (.Values.config.notifications | default dict) -}}
{{- if and .Values.networkPolicy.enabled $schemes (not .Values.networkPolicy.notifications) -}}
{{- fail "networkPolicy.notifications: is required with networkPolicy.enabled=true and config.notifications.schemes: without it no message leaves the operator" -}}
{{- end -}}
{{- if and .Values.notifications.secrets (not $schemes) -}}
{{- fail "notifications.secrets: needs config.notifications.schemes: the operator reads no Secret while it sends no messages" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "podMonitor.enabled: must be false with serviceMonitor.enabled=true: every metric would be there twice" -}}
{{- end -}}
{{- end -}}
