import type { V1Container, V1EnvVar, V1Pod, V1PodSecurityContext, V1PodSpec } from '@kubernetes/client-node'
import type { InstanceSpec } from '../provider.ts'
import { reportEnvironment } from '../report-environment.ts'
import { labelsOf, objectName } from './names.ts'
import { gpuResource } from './objection.ts'
import { variableKey } from './owner.ts'
import { asksForNames } from './policy.ts'
import type { KubernetesSettings } from './settings.ts'
import { mountedIn, secretDirectory } from './volumes.ts'

/** What the one container of a session is called. */
export const mainContainer = 'session'
/** On a Pod whose ports are reported by itself. */
export const reportsAnnotation = 'carrel/reports-ports'

/** The Pod of a session, as strict as the level `restricted` of Pod Security asks. No secret stands in it, only names of them. */
export function podManifest(spec: InstanceSpec, namespace: string, settings: KubernetesSettings): V1Pod {
  const object = objectName(spec)
  const { volumes, mounts } = mountedIn(spec, object)
  const { nodeSelector, tolerations } = spec.terms.kubernetes ?? {}
  const container: V1Container = {
    name: mainContainer,
    image: spec.image,
    imagePullPolicy: 'IfNotPresent',
    ...(spec.command === null ? {} : { args: spec.command.map(literal) }),
    env: environmentOf(spec, object),
    ports: spec.ports.map((containerPort) => ({ containerPort, protocol: 'TCP' })),
    resources: { requests: resourcesOf(spec, settings), limits: resourcesOf(spec, settings) },
    volumeMounts: mounts,
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { drop: ['ALL'], ...(spec.capabilities.length === 0 ? {} : { add: spec.capabilities.map(plain) }) },
    },
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: object,
      namespace,
      labels: labelsOf(spec),
      ...(spec.report === null ? {} : { annotations: { [reportsAnnotation]: 'true' } }),
    },
    spec: {
      containers: [container],
      volumes,
      hostname: spec.sessionId,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: settings.stopGraceSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: securityOf(spec),
      ...(nodeSelector === undefined ? {} : { nodeSelector: { ...nodeSelector } }),
      ...(tolerations === undefined ? {} : { tolerations: tolerations.map((toleration) => ({ ...toleration })) }),
      ...(asksForNames(spec) ? {} : { dnsPolicy: 'None', dnsConfig: { nameservers: [noNameserver], options: [] } }),
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
      ...classesOf(settings),
    },
  }
}

/** Of which classes of the cluster every Pod is. */
export const classesOf = ({ priorityClass, runtimeClass }: KubernetesSettings): Partial<V1PodSpec> => ({
  ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
  ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
})

/** A name server that is none: an address for documentation. Nobody would answer who goes out nowhere. */
const noNameserver = '192.0.2.53'

/** The cluster replaces `$(NAME)` in arguments; nobody asked for that. */
const literal = (argument: string): string => argument.replaceAll('$(', '$$$$(')

/** The cluster's names of capabilities have no prefix. */
const plain = (capability: string): string => capability.replace(/^CAP_/, '')

function environmentOf(spec: InstanceSpec, object: string): V1EnvVar[] {
  const files = [
    { name: 'CARREL_SECRET_FILE', value: `${secretDirectory}/secret` },
    ...(spec.report === null
      ? []
      : [
          ...Object.entries(reportEnvironment(spec.report)).map(([name, value]) => ({ name, value })),
          { name: 'CARREL_REPORT_TOKEN_FILE', value: `${secretDirectory}/report-token` },
        ]),
  ]
  const given = Object.keys(spec.environment).filter((name) => files.every((file) => file.name !== name))
  return [
    ...given.map((name) => ({ name, valueFrom: { secretKeyRef: { name: object, key: variableKey(name) } } })),
    ...files,
  ]
}

function resourcesOf(spec: InstanceSpec, settings: KubernetesSettings): Record<string, string> {
  const { cpuMilli, memoryMib, diskMib, gpus } = spec.resources
  const gpu = gpuResource(spec, settings)
  return {
    cpu: `${cpuMilli}m`,
    memory: `${memoryMib}Mi`,
    ...(diskMib > 0 ? { 'ephemeral-storage': `${diskMib}Mi` } : {}),
    ...(gpus > 0 && gpu !== undefined ? { [gpu]: `${gpus}` } : {}),
  }
}

function securityOf({ user, terms }: InstanceSpec): V1PodSecurityContext {
  // The group of the volumes. The workspace is all that the cluster could hand over to it: `objection` refuses it beside others.
  const owns = terms.kubernetes?.workspace !== undefined
  return {
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    ...(user === null
      ? {}
      : {
          runAsUser: user.uid,
          runAsGroup: user.gid,
          supplementalGroups: [...user.gids],
          ...(owns ? { fsGroup: user.gid, fsGroupChangePolicy: 'OnRootMismatch' } : {}),
        }),
  }
}
