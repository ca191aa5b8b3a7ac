{{/* The full name of the release, the prefix of every object without a name in the specification. */}}
{{- define "todo.fullname" -}}
{{- /* Short enough for the suffixes that Kubernetes adds: a label has at most 63 characters. */ -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "todo.selector" -}}
app: todo-{{ . }}
tier: {{ . }}
{{- end -}}

{{/* The labels of every object. Call with (dict "root" $ "component" "backend"). */}}
{{- define "todo.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "todo.image" -}}
{{ printf "%s:%s" .repository .tag | quote }}
imagePullPolicy: {{ .pullPolicy }}
{{- end -}}

{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* An HTTP probe, from its path and the fields of Kubernetes. */}}
{{- define "todo.probe" -}}
httpGet: {path: {{ .path }}, port: http}
{{ omit . "path" | toYaml }}
{{- end -}}

{{/* Environment variables, from a map of names and values. */}}
{{- define "todo.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{/* The address of the database in the cluster; without it, the Secret's DATABASE_URL applies. */}}
{{- define "todo.database" -}}
{{- if and .Values.postgresql.enabled .Values.postgresql.used -}}
- name: POSTGRES_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.secret.name }}, key: POSTGRES_PASSWORD}}
- name: DATABASE_URL
  value: postgresql://todo:$(POSTGRES_PASSWORD)@{{ include "todo.fullname" . }}-postgresql:5432/todo
{{- end -}}
{{- end -}}

{{/* Scheduling and image pull secrets of pods. Call with (dict "root" $ "component" "backend"). */}}
{{- define "todo.placement" -}}
{{- $values := index .root.Values .component -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app: todo-{{ .component }}}}
    matchLabelKeys: [pod-template-hash]
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Annotations that restart the pods when the configuration or the Secret changes, and those of the values. */}}
{{- define "todo.podAnnotations" -}}
checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
{{- with .root.Values.secret.checksum }}
checksum/secret: {{ . | quote }}
{{- end }}
{{- with (index .root.Values .component).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}
