import { patched } from '@temporalio/workflow'
import type { Inspection } from '../activities/verdict.ts'
import type { Reason, SessionState } from '../domain/lifecycle.ts'
import type { Look, PauseLook, SessionKey } from '../domain/session.ts'
import type { Timings } from '../domain/timings.ts'
import { booksOf, careOf, hastyBooksOf, startOf } from './activity-proxies.ts'
import type { Attention } from './attention.ts'
import { Errand } from './errand.ts'
import { goOn, goToRest, lastLook } from './pausing.ts'
import type { PauseOutcome } from './pausing.ts'
import { heldUp, unlessHeldUp } from './held-up.ts'
import { isDue, soonest, tend } from './tend.ts'
import type { UndoList } from './undo.ts'

/** A session of which somebody asked that it rests. */
export type PauseSeen = Look & { readonly pause: PauseLook }

/** The part of a session's life in which it rests, is to rest, or is to go on. Each step is one deed; then its rows are looked at. */
export class Resting {
  readonly #timings: Timings
  readonly #attention: Attention
  readonly #undo: UndoList
  #way: { readonly state: SessionState; readonly errand: Errand<PauseOutcome> } | null = null

  constructor(timings: Timings, attention: Attention, undo: UndoList) {
    this.#timings = timings
    this.#attention = attention
    this.#undo = undo
  }

  /** Leaves behind what was under way for another state. */
  attend(state: SessionState): void {
    if (this.#way === null || this.#way.state === state) return
    this.#way.errand.abandon()
    this.#way = null
  }

  get isBusy(): boolean {
    return this.#way !== null
  }

  async pausing(key: SessionKey, seen: PauseSeen): Promise<void> {
    const books = booksOf(this.#timings)
    const outcome = isDue(seen)
      ? await this.#late(key, seen, 'internal')
      : await this.#underway(seen, 'the time to pause is over', () => goToRest(key, seen, seen.pause, this.#timings))
    if (outcome?.kind === 'paused' || outcome?.kind === 'runs')
      await books.endPausing({ ...key, number: seen.pause.number, outcome: outcome.kind })
    else if (outcome !== null) await this.#otherwise(key, seen, outcome)
  }

  async paused(key: SessionKey, seen: PauseSeen): Promise<void> {
    const books = booksOf(this.#timings)
    if (seen.pause.wish === 'resume') return await this.#readmit(key, seen)
    const found = await tend(key, seen, this.#timings, this.#attention)
    if (found?.kind === 'gone') await books.beginStopping({ key, reason: found.reason })
    if (found?.kind === 'fine') await this.putBack(key, seen, found)
  }

  async resuming(key: SessionKey, seen: PauseSeen): Promise<void> {
    const books = booksOf(this.#timings)
    const { number, resumesBy, remade, continues } = seen.pause
    if (!isDue(seen) && resumesBy === 'remakes' && !remade) {
      await books.beginAnew({ ...key, number })
      return
    }
    this.#undo.note({ step: 'releaseReservation', generation: seen.generation })
    this.#undo.note({ step: 'removeInstance', providerId: seen.providerId, generation: seen.generation })
    const outcome = isDue(seen)
      ? await this.#late(key, seen, 'start_timeout')
      : await this.#underway(seen, 'the time to resume is over', () => goOn(key, seen, seen.pause, this.#timings))
    if (outcome?.kind === 'ready') {
      if (continues !== null) this.#undo.forget(continues)
      await books.becomeReady({ ...key, resumed: number })
    } else if (outcome?.kind === 'paused') {
      await books.stayPaused({ ...key, number, reason: isDue(seen) ? 'start_timeout' : 'start_failed' })
    } else if (outcome !== null) {
      await this.#otherwise(key, seen, outcome)
    }
  }

  /** It waited too long for its turn: what nothing was begun of anew rests on. */
  async giveUpWaiting(key: SessionKey, { pause }: PauseSeen): Promise<void> {
    await booksOf(this.#timings).stayPaused({ ...key, number: pause.number, reason: 'capacity_timeout' })
  }

  /** An instance that was found to run where it should rest, or to rest where it should run, is put back as it should be. */
  async putBack(key: SessionKey, seen: PauseSeen, { at }: Extract<Inspection, { kind: 'fine' }>): Promise<void> {
    const wish = { ...key, number: seen.pause.number }
    const back = new Errand(async () =>
      at === 'running'
        ? await careOf(this.#timings, seen.providerId).pauseInstance(wish)
        : await startOf(this.#timings, seen.providerId).resumeInstance(wish),
    )
    await this.#attention.wait(seen.dueInMs, 'puts the instance back', back.settled)
    if (!back.settled()) back.abandon()
    else await this.#attention.wait(soonest(seen.dueInMs, this.#timings.providerRetryMs), 'looks at it again')
  }

  async #readmit(key: SessionKey, seen: PauseSeen): Promise<void> {
    const timings = this.#timings
    const wish = { ...key, number: seen.pause.number }
    const decided = await unlessHeldUp(hastyBooksOf(timings, seen.dueInMs).readmit(wish))
    const kind = decided?.done.kind ?? 'held up'
    if (kind === 'broken') await booksOf(timings).stayPaused({ ...wish, reason: 'internal' })
    if (kind === 'held up' || kind === 'withdrawn')
      await this.#attention.wait(soonest(seen.dueInMs, timings.databaseTimeoutMs), heldUp)
    if (kind === 'waits')
      await this.#attention.wait(soonest(seen.dueInMs, timings.dispatchEveryMs), 'maintenance: it waits to go on')
  }

  /** What the way came to; `null`: it is not over, or there is news. */
  async #underway(seen: Look, until: string, begin: () => Promise<PauseOutcome>): Promise<PauseOutcome | null> {
    this.#way ??= { state: seen.state, errand: new Errand(begin) }
    const { errand } = this.#way
    await this.#attention.wait(seen.dueInMs, until, errand.settled)
    if (!errand.settled()) return null
    this.#way = null
    try {
      return errand.result ?? { kind: 'elsewhere' }
    } catch {
      // What no repeat mends is Carrel's own fault.
      return { kind: 'failed', reason: 'internal' }
    }
  }

  /** Its time there is over: what the instance is found as decides. */
  async #late(key: SessionKey, seen: PauseSeen, reason: 'internal' | 'start_timeout'): Promise<PauseOutcome> {
    this.#way?.errand.abandon()
    this.#way = null
    const failed: PauseOutcome = { kind: 'failed', reason }
    if (seen.pause.remade && seen.state === 'resuming') return failed
    const found = await lastLook(key, seen, this.#timings, this.#attention)
    if (found?.kind === 'gone') return found
    if (found?.at === 'paused') return { kind: 'paused' }
    // What stands there is somebody's: it stays as it was, and is put back should it come to rest, or wake, after all.
    if (patched('late-is-kept')) return { kind: seen.state === 'pausing' ? 'runs' : 'paused' }
    return found?.at === 'running' && seen.state === 'pausing' ? { kind: 'runs' } : failed
  }

  async #otherwise(key: SessionKey, seen: Look, outcome: Exclude<PauseOutcome, { kind: 'paused' }>): Promise<void> {
    if (outcome.kind === 'gone' || outcome.kind === 'failed') {
      const reason: Reason = outcome.reason
      await booksOf(this.#timings).beginStopping({ key, reason })
    }
    // Its row says for what it waits, or that it is to end.
    if (outcome.kind === 'withdrawn')
      await this.#attention.wait(soonest(seen.dueInMs, this.#timings.databaseTimeoutMs), 'looks again')
  }
}
