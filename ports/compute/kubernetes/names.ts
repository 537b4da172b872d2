import { createHash } from 'node:crypto'
import { markWords, marksOf } from '../marks.ts'
import type { Marks } from '../marks.ts'
import type { InstanceRef, InstanceSpec } from '../provider.ts'

/** The label of the owner alone that says how far the instance has come, see `Stage`. */
export const stageLabel = 'carrel.stage'

/**
 * `making`: its Pod may not be there yet. `made`: it was; one that is missing is lost. `pausing`: the Pod goes, the rest
 * stays, for as long as `resuming` does not stand in its place.
 */
export const stages = ['making', 'made', 'pausing', 'resuming'] as const
export type Stage = (typeof stages)[number]

const namePattern = /^[a-z]([a-z0-9-]{0,53}[a-z0-9])?$/

/**
 * What all objects of an instance are called, whatever their kind: also good for a Service. Two deployments in one namespace never share
 * one. Throws on a name that would not be one for the cluster; the server makes them, so that is a defect.
 */
export function objectName({ name, deploymentId }: Pick<InstanceRef, 'name' | 'deploymentId'>): string {
  if (!namePattern.test(name)) throw new TypeError('an instance name is of at most 55 lower-case letters, digits and -')
  return `${name}-${createHash('sha256').update(`${deploymentId}\n${name}`).digest('hex').slice(0, 6)}`
}

/** Whether this is what an instance's objects are called. A copy of its labels, as of a claim that somebody cloned, is called otherwise. */
export const isNameOf = (object: string, ref: Pick<InstanceRef, 'name' | 'deploymentId'>): boolean =>
  namePattern.test(ref.name) && objectName(ref) === object

export const labelsOf = (spec: InstanceSpec): Record<string, string> => ({
  'app.kubernetes.io/name': 'carrel-session',
  'app.kubernetes.io/instance': spec.sessionId,
  'app.kubernetes.io/component': 'session',
  'app.kubernetes.io/part-of': 'carrel',
  'app.kubernetes.io/managed-by': 'carrel',
  ...marksOf(spec),
})

/** Selects one instance's objects, or all of a deployment. */
export const selector = (deploymentId: string, name?: string): string => markWords(deploymentId, name).join(',')

export const stageOf = (found: Marks): Stage | null => stages.find((stage) => stage === found[stageLabel]) ?? null
