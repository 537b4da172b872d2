import { ApplicationFailure, CancelledFailure } from '@temporalio/activity'
import { isForeign } from '../domain/foreign.ts'
import type { FailureType } from '../domain/errors.ts'

type Activity = (...args: never[]) => Promise<unknown>

/**
 * The one place that decides what a failed activity means. Everything may be tried again but what no repeat can mend;
 * no library's words leave: they go to the operator's log through `report`, and the type into the history.
 */
export function withFailures<A extends Record<string, Activity>>(
  activities: A,
  report: (activity: string, error: unknown) => void,
): A {
  const wrapped = Object.entries(activities).map(([name, activity]) => {
    const run = async (...args: never[]): Promise<unknown> => {
      if (args.some((arg) => arg === undefined || isForeign(arg))) throw failure('foreign_payload', false)
      try {
        return await activity(...args)
      } catch (error) {
        if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error
        if (isAbort(error)) throw error
        report(name, error)
        throw failure(typeOf(error), true)
      }
    }
    return [name, run]
  })
  // Each entry has the type of the one it wraps.
  return Object.fromEntries(wrapped) as A
}

const sentences: Record<FailureType, string> = {
  foreign_payload: 'The input is not from this installation.',
  invalid_input: 'The input is not what this activity takes.',
  provider_unreachable: 'The provider does not answer.',
  gateway_unreachable: 'The gateway did not do it.',
  database_unavailable: 'The database does not answer, or refuses. The log has the details.',
  worker_stopping: 'The worker ends; another one goes on.',
  disarmed: 'The installation is disarmed: nothing is made or removed until an operator arms it.',
}

/** A copy of an installation, or one that was brought back, makes and removes nothing: it is tried until it is armed. */
export const whileDisarmed = (): ApplicationFailure =>
  ApplicationFailure.create({ type: 'disarmed' satisfies FailureType, message: sentences.disarmed })

/** What is left because the worker ends. Another one takes it up after `ms`, however often that happened before. */
export const leftToOthers = (ms: number): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'worker_stopping' satisfies FailureType,
    message: sentences.worker_stopping,
    nextRetryDelay: ms,
  })

const failure = (type: FailureType, retryable: boolean): ApplicationFailure =>
  ApplicationFailure.create({ type, message: sentences[type], nonRetryable: !retryable })

const typeOf = (error: unknown): FailureType =>
  error instanceof Error && error.name === 'ProviderUnreachable' ? 'provider_unreachable' : 'database_unavailable'

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'
