{{/* The full name of the release, the prefix of every object without a name in the specification. */}}
{{- define "todo-chatbot.fullname" -}}
{{- /* Short enough for the suffixes that Kubernetes adds: a label has at most 63 characters. */ -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "todo-chatbot.frontend.selectorLabels" -}}
app: todo-frontend
tier: frontend
{{- end -}}

{{- define "todo-chatbot.backend.selectorLabels" -}}
app: todo-backend
tier: backend
{{- end -}}

{{/* The labels of every object. Call with (dict "root" $ "component" "backend"). */}}
{{- define "todo-chatbot.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "todo-chatbot.image" -}}
{{ ternary (printf "%s@%s" .repository .digest) (printf "%s:%s" .repository .tag) (ne (.digest | default "") "") | quote }}
imagePullPolicy: {{ .pullPolicy }}
{{- end -}}

{{- define "todo-chatbot.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "todo-chatbot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* An HTTP probe, from its path and the fields of Kubernetes. */}}
{{- define "todo-chatbot.probe" -}}
httpGet: {path: {{ .path }}, port: http}
{{ omit . "path" | toYaml }}
{{- end -}}

{{/* Environment variables, from a map of names and values. An empty value would hide the Secret's. */}}
{{- define "todo-chatbot.env" -}}
{{- range $name, $value := . }}
{{- if ne (toString $value) "" }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* The address that people open, where the values name it. */}}
{{- define "todo-chatbot.publicUrl" -}}
{{- if .Values.config.FRONTEND_URL -}}
{{ .Values.config.FRONTEND_URL }}
{{- else if .Values.ingress.enabled -}}
{{ ternary "https" "http" (ne (.Values.ingress.tlsSecretName | default "") "") }}://{{ .Values.ingress.host }}
{{- end -}}
{{- end -}}

{{/*
The origins whose pages may send cookies, besides the public address: those of the values and of the gateway, whose
listeners decide about TLS, and any forwarded port where there is no public address.
*/}}
{{- define "todo-chatbot.trustedOrigins" -}}
{{- $origins := list .Values.config.TRUSTED_ORIGINS -}}
{{- if .Values.gatewayRoute.enabled -}}
{{- range .Values.gatewayRoute.hostnames -}}
{{- $origins = concat $origins (list (printf "https://%s" .) (printf "http://%s" .)) -}}
{{- end -}}
{{- end -}}
{{- if not (include "todo-chatbot.publicUrl" .) -}}
{{- $origins = append $origins "http://localhost:*" -}}
{{- end -}}
{{ compact $origins | join "," }}
{{- end -}}

{{/* The port of every node, at which people open the application; * where the cluster chooses it. */}}
{{- define "todo-chatbot.nodeOrigin" -}}
{{- $service := .Values.frontend.service -}}
{{- if and (eq $service.type "NodePort") (not (include "todo-chatbot.publicUrl" .)) -}}
http://[$(NODE_IP)]:{{ $service.nodePort | default "*" }}
{{- end -}}
{{- end -}}

{{/* The processor time of a quantity such as 0.5 or 500m, in thousandths. */}}
{{- define "todo-chatbot.millis" -}}
{{- $quantity := toString . -}}
{{ ternary (trimSuffix "m" $quantity | float64) (mulf $quantity 1000) (hasSuffix "m" $quantity) | int64 }}
{{- end -}}

{{/* The bytes of a quantity such as 512Mi. */}}
{{- define "todo-chatbot.bytes" -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $units := dict "" 1 "K" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{ mul (int64 $number) (get $units (trimPrefix $number .)) }}
{{- end -}}

{{/* The address of the database in the cluster; without it, the Secret's DATABASE_URL applies. */}}
{{- define "todo-chatbot.database" -}}
{{- if and .Values.postgresql.enabled .Values.postgresql.used -}}
- name: POSTGRES_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.secret.name }}, key: POSTGRES_PASSWORD}}
- name: DATABASE_URL
  value: postgresql://todo:$(POSTGRES_PASSWORD)@{{ include "todo-chatbot.fullname" . }}-postgresql:5432/todo
{{- end -}}
{{- end -}}

{{/* Scheduling and image pull secrets of pods. Call with (dict "root" $ "component" "backend"). */}}
{{- define "todo-chatbot.placement" -}}
{{- $values := index .root.Values .component -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app: todo-{{ $.component }}}}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
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
{{- define "todo-chatbot.podAnnotations" -}}
checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
{{- with .root.Values.secret.checksum }}
checksum/secret: {{ . | quote }}
{{- end }}
{{- with (index .root.Values .component).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The number of replicas. An autoscaler decides about it: an upgrade keeps what runs. Call with (dict "root" $
"component" "backend").
*/}}
{{- define "todo-chatbot.replicas" -}}
{{- $values := index .root.Values .component -}}
{{- if $values.autoscaling.enabled -}}
{{- $running := dig "spec" "replicas" 0 (lookup "apps/v1" "Deployment" .root.Release.Namespace (printf "todo-%s" .component)) -}}
{{ max (int $running) (int $values.autoscaling.minReplicas) }}
{{- else -}}
{{ $values.replicaCount }}
{{- end -}}
{{- end -}}
