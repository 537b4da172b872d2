import { z } from 'zod'
import type { V1OwnerReference, V1Pod, V1Secret } from '@kubernetes/client-node'
import type { InstanceSpec } from '../provider.ts'
import { labelsOf, objectName, stageLabel } from './names.ts'
import type { Stage } from './names.ts'
import type { Owner } from './shapes.ts'

/** What a variable of the environment is called in the Secret. */
export const variableKey = (name: string): string => `env.${name}`

/**
 * The Secret that all other objects of an instance belong to, so that they go with it. It holds what must not be read
 * elsewhere (the session's secret, its environment) and the Pod as it is made, so that a paused one is made again.
 */
export function ownerSecret(spec: InstanceSpec, namespace: string, pod: V1Pod): V1Secret {
  const stage: Stage = 'making'
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: objectName(spec), namespace, labels: { ...labelsOf(spec), [stageLabel]: stage } },
    type: 'carrel.session',
    stringData: {
      secret: spec.secret,
      ...(spec.report === null ? {} : { 'report-token': spec.report.token }),
      ...Object.fromEntries(Object.entries(spec.environment).map(([name, value]) => [variableKey(name), value])),
      'pod.json': JSON.stringify(pod),
    },
  }
}

/** What makes an object go with its owner, and its owner wait for it. */
export const ownedBy = ({ metadata: { name, uid } }: Pick<Owner, 'metadata'>): V1OwnerReference[] => [
  { apiVersion: 'v1', kind: 'Secret', name, uid, blockOwnerDeletion: true, controller: true },
]

/** As `ownerSecret` wrote it; what is in it is checked again by the cluster. */
const keptShape = z.looseObject({ metadata: z.looseObject({ name: z.string() }) })

/** The Pod that the owner keeps; `null`: it keeps none that can be read. */
export function keptPod(owner: Owner): object | null {
  try {
    const pod = keptShape.parse(JSON.parse(Buffer.from(owner.data['pod.json'] ?? '', 'base64').toString()))
    return { ...pod, metadata: { ...pod.metadata, ownerReferences: ownedBy(owner) } }
  } catch {
    return null
  }
}
