import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow'
import type { SessionId } from '../domain/ids.ts'
import { defaultTimings } from '../domain/timings.ts'
import type { Timings } from '../domain/timings.ts'
import { accessOf, booksOf, careOf } from './activity-proxies.ts'
import type { UndoStep } from './session.messages.ts'

/** The undo list of a run: each step is noted before what it undoes, once per generation and provider. */
export class UndoList {
  readonly #steps: UndoStep[]

  constructor(steps: readonly UndoStep[]) {
    this.#steps = [...steps]
  }

  note(step: UndoStep): void {
    const noted = JSON.stringify(step)
    if (!this.#steps.some((s) => JSON.stringify(s) === noted)) this.#steps.push(step)
  }

  /** What was made in the generation is gone. */
  forget(generation: number): void {
    const left = this.#steps.filter((s) => s.generation !== generation || s.step === 'closeDoors')
    this.#steps.splice(0, this.#steps.length, ...left)
  }

  get steps(): readonly UndoStep[] {
    return this.#steps
  }
}

/** How far an undoing is, for a run that ends before it is through. */
export class UndoCourse {
  #inBooks = 0

  /** Nothing of it is under way in the books: at most it waits, for the backend or for its alarm. */
  readonly isOutOfBooks = (): boolean => this.#inBooks === 0

  async inBooks<T>(deed: () => Promise<T>): Promise<T> {
    this.#inBooks += 1
    return await deed().finally(() => (this.#inBooks -= 1))
  }
}

/**
 * Undoes the list from its end, each step as often as it takes, and nothing stops it. What takes too long raises an alarm
 * after `overdueInMs`, and goes on.
 */
export async function undoAll(
  sessionId: SessionId,
  generation: number,
  steps: readonly UndoStep[],
  timings: Timings,
  overdueInMs: number | null,
  course = new UndoCourse(),
): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    const alarm = new CancellationScope({ cancellable: true })
    const raise = async () =>
      await course.inBooks(async () => await booksOf(timings).cleanupOverdue({ sessionId, generation, timings }))
    const alarmed = alarm.run(async () => {
      for (let rest: number | null = overdueInMs ?? timings.cleanupOverdueMs; rest !== null;) {
        await sleep(Math.max(1, Math.ceil(rest)), { summary: 'cleanup is overdue' })
        // Only the waiting is ever cancelled: a run that cancels a local activity just as it ends loses track of itself.
        // Runs that began when the alarm was always raised have nothing for an answer.
        rest = (await CancellationScope.nonCancellable(async () => await raise())) ?? null
      }
    })
    const quiet = alarmed.catch((error: unknown) => {
      if (!isCancellation(error)) throw error
    })
    const beside: Promise<void>[] = []
    for (const step of steps.toReversed()) {
      const undone = undo(sessionId, step, timings, course)
      if (step.step !== 'closeDoors') await undone
      else beside.push(...(await begunInTime(undone, timings)))
    }
    await Promise.all(beside)
    alarm.cancel()
    await quiet
  })
}

/**
 * The doors outside are closed before what is behind them goes, but only for so long is it waited for: a gateway that does not
 * answer is cleaned beside the rest. What is returned ends with the closing.
 */
async function begunInTime(closing: Promise<void>, timings: Timings): Promise<Promise<void>[]> {
  const timer = new CancellationScope({ cancellable: true })
  const late = timer.run(
    async () =>
      await sleep(timings.closeDoorsFirstMs ?? defaultTimings.closeDoorsFirstMs, {
        summary: 'goes on without the gateway',
      }),
  )
  await Promise.race([closing, late.catch(() => undefined)])
  timer.cancel()
  return [closing]
}

async function undo(sessionId: SessionId, step: UndoStep, timings: Timings, course: UndoCourse): Promise<void> {
  const key = { sessionId, generation: step.generation }
  switch (step.step) {
    case 'removeInstance':
      await careOf(timings, step.providerId).removeInstance(key)
      return
    case 'closeDoors':
      await accessOf(timings).closeDoors(key)
      return
    case 'releaseReservation':
      await course.inBooks(async () => await booksOf(timings).releaseReservation(key))
      return
    default:
      step satisfies never
  }
}
