import { createHash } from 'node:crypto'
import { idPattern } from '../../../domain/ids.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { InstanceRef, InstanceSpec } from '../provider.ts'

export const labels = {
  deployment: 'carrel.deployment',
  session: 'carrel.session',
  generation: 'carrel.generation',
  name: 'carrel.name',
  /** On the owner alone: how far the instance has come, see `Stage`. */
  stage: 'carrel.stage',
} as const

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

export const labelsOf = (spec: InstanceSpec): Record<string, string> => ({
  'app.kubernetes.io/name': 'carrel-session',
  'app.kubernetes.io/instance': spec.sessionId,
  'app.kubernetes.io/component': 'session',
  'app.kubernetes.io/part-of': 'carrel',
  'app.kubernetes.io/managed-by': 'carrel',
  [labels.deployment]: spec.deploymentId,
  [labels.session]: spec.sessionId,
  [labels.generation]: `${spec.generation}`,
  [labels.name]: spec.name,
})

/** Whether what the cluster found under our name is ours. */
export const isOurs = (found: Readonly<Record<string, string>>, ref: InstanceRef): boolean =>
  found[labels.deployment] === ref.deploymentId && found[labels.name] === ref.name

/** Selects one instance's objects, or all of a deployment. */
export const selector = (deploymentId: string, name?: string): string =>
  [`${labels.deployment}=${deploymentId}`, ...(name === undefined ? [] : [`${labels.name}=${name}`])].join(',')

export interface Identity {
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
}

/** Of which instance the labels speak; `null` for labels that we did not write. */
export function identityOf(found: Readonly<Record<string, string>>): Identity | null {
  const [name, deploymentId] = [found[labels.name], found[labels.deployment]]
  const [sessionId = '', generation] = [found[labels.session], Number(found[labels.generation])]
  if (name === undefined || deploymentId === undefined || !idPattern.test(sessionId) || !(generation > 0)) return null
  // The pattern is what makes a string a session's id.
  return { name, deploymentId, sessionId: sessionId as SessionId, generation }
}

export const stageOf = (found: Readonly<Record<string, string>>): Stage | null =>
  stages.find((stage) => stage === found[labels.stage]) ?? null
