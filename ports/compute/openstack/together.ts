import { untilAborted } from '../until-aborted.ts'
import { CloudError } from './cloud-error.ts'
import type { Names } from './names.ts'

/** What there is of one instance. Throws `CloudError`. */
export type Look<T> = (names: Names, signal: AbortSignal) => Promise<T[]>

/** What there is of some of a deployment's instances, each with the name of its instance. Throws `CloudError`. */
export type LookForMany<T> = (
  deploymentId: string,
  names: readonly string[],
  signal: AbortSignal,
) => Promise<readonly (readonly [name: string, found: T])[]>

/** Their names stand in an address, which may not be of any length. */
const mostAtOnce = 20
/** So long at most, should those that are on their way take long. */
const patienceMs = 1_000

interface Asking<T> extends Names {
  readonly signal: AbortSignal
  resolve(found: T[]): void
  reject(error: unknown): void
}

/**
 * A look for one instance that goes together with others: a cloud's list costs nearly the same for twenty as for one. Who asks while
 * another look is on its way goes with the next, so that none begins before it was asked for; and after each as much time goes by as
 * it took, `restMs` at least, so that a busy cloud has half of its time for what it is asked to do.
 */
export function together<T>(lookForMany: LookForMany<T>, restMs = 0): Look<T> {
  const waiting: Asking<T>[] = []
  let [onTheWay, restUntil] = [0, 0]
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    if (waiting.length === 0 || timer !== undefined) return
    const inMs = onTheWay > 0 ? patienceMs : restUntil - Date.now()
    if (inMs > 0) timer = setTimeout(depart, inMs)
    else depart()
  }

  function depart(): void {
    stay()
    const stayed = waiting.splice(0).filter(({ signal }) => !signal.aborted)
    const going = stayed.filter(({ deploymentId }) => deploymentId === stayed[0]?.deploymentId).slice(0, mostAtOnce)
    waiting.push(...stayed.filter((asking) => !going.includes(asking)))
    if (going.length > 0) void look(going)
    send()
  }

  function stay(): void {
    clearTimeout(timer)
    timer = undefined
  }

  async function look(going: readonly Asking<T>[]): Promise<void> {
    onTheWay += 1
    const began = Date.now()
    try {
      const names = [...new Set(going.map(({ name }) => name))]
      // Each of them may leave; the look is bounded by itself.
      const found = await lookForMany(going[0]?.deploymentId ?? '', names, new AbortController().signal)
      for (const { name, resolve } of going) resolve(found.flatMap(([of, one]) => (of === name ? [one] : [])))
    } catch (error) {
      for (const { reject } of going) reject(error)
    }
    onTheWay -= 1
    restUntil = Date.now() + Math.max(restMs, Math.min(Date.now() - began, patienceMs))
    if (onTheWay > 0) return
    stay()
    send()
  }

  return async (names, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<T[]>()
    waiting.push({ name: names.name, deploymentId: names.deploymentId, signal, resolve, reject })
    send()
    try {
      return await untilAborted(promise, signal)
    } catch (error) {
      throw signal.aborted ? new CloudError(null, 'cancelled') : error
    }
  }
}
