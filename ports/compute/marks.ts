import { idPattern } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { InstanceRef, InstanceSpec } from './provider.ts'

/** How an instance's objects are known again at a backend that keeps words with them: as labels, or as metadata. */
export const marks = {
  deployment: 'carrel.deployment',
  session: 'carrel.session',
  generation: 'carrel.generation',
  name: 'carrel.name',
} as const

export type Marks = Readonly<Record<string, string>>

export const marksOf = (
  spec: Pick<InstanceSpec, 'deploymentId' | 'sessionId' | 'generation' | 'name'>,
): Record<string, string> => ({
  [marks.deployment]: spec.deploymentId,
  [marks.session]: spec.sessionId,
  [marks.generation]: `${spec.generation}`,
  [marks.name]: spec.name,
})

/** Whether these are the marks of this instance, and of no other. */
export const isMarked = (found: Marks, { name, deploymentId }: Pick<InstanceRef, 'name' | 'deploymentId'>): boolean =>
  found[marks.deployment] === deploymentId && found[marks.name] === name

export interface Identity {
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
}

/**
 * Of which instance the marks speak. `null`: of none, as after somebody else's hand; marks that we did not write make no instance,
 * even where they carry our deployment's id.
 */
export function identityOf(found: Marks): Identity | null {
  const [name, deploymentId] = [found[marks.name], found[marks.deployment]]
  const [sessionId = '', generation] = [found[marks.session], Number(found[marks.generation])]
  if (name === undefined || deploymentId === undefined || !idPattern.test(sessionId) || !(generation > 0)) return null
  // The pattern is what makes a string a session's id.
  return { name, deploymentId, sessionId: sessionId as SessionId, generation }
}

/** The same as `key=value`, for a backend's filters: of one instance, or of all of a deployment. */
export const markWords = (deploymentId: string, name?: string): string[] => [
  `${marks.deployment}=${deploymentId}`,
  ...(name === undefined ? [] : [`${marks.name}=${name}`]),
]
