import { Context } from '@temporalio/activity'
import type { Db } from '../db/connect.ts'
import { continuedBy } from '../db/continued.ts'
import { noteOperatorDetail } from '../db/endings.ts'
import {
  beginInstance,
  readInstance,
  recordMade,
  recordRemoved,
  recordSeen,
  recordUsage,
  tombstone,
} from '../db/instances.ts'
import type { InstanceRow, ReportToken } from '../db/instances.ts'
import { withdrawSession } from '../db/withdrawals.ts'
import { isPastItsTime } from '../db/lifetime.ts'
import { readLaunch } from '../db/launch.ts'
import type { Launch } from '../db/launch.ts'
import { defaultAccessRule } from '../domain/experiment.ts'
import type { AccessRule } from '../domain/experiment.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { FailReason } from '../domain/lifecycle.ts'
import type { ParameterValue } from '../domain/template.ts'
import type { Timings } from '../domain/timings.ts'
import type { SessionKey } from '../domain/session.ts'
import type {
  CallContext,
  ComputeProvider,
  Created,
  InstanceRef,
  InstanceSpec,
  InstanceState,
} from '../ports/compute/provider.ts'
import type { Locate } from './access.ts'
import { alive } from './alive.ts'
import { createWatch, noteEnd } from './answer.ts'
import type { Readiness } from './answer.ts'
import { whileDisarmed } from './failures.ts'
import { mayHaveData } from './data-access.ts'
import { ofExperiment, ownUser, specify } from './instance-spec.ts'
import type { Opened } from './instance-spec.ts'
import { pause } from './pause.ts'
import { createProgressLine } from './progress.ts'
import { confirmRemoval, requireRemoved } from './removal.ts'
import { createTurns } from './turns.ts'
import { verdictOf } from './verdict.ts'
import type { Inspection } from './verdict.ts'

/** Opens and seals a session's own secret; what is sealed is bound to its row. */
export interface InstanceSecrets {
  mint(key: SessionKey): Buffer
  open(key: SessionKey, sealed: Buffer): string
  /** What an instance may report its ports with, once. */
  mintReport(key: SessionKey): ReportToken
  openReport(key: SessionKey, sealed: Buffer): string
  /** Opens a session's secret parameters. */
  parameters(key: SessionKey, sealed: Buffer | null): Readonly<Record<string, ParameterValue>>
}

export interface ComputeDeps {
  readonly db: Db
  readonly providerId: ProviderId
  readonly provider: ComputeProvider
  readonly secrets: InstanceSecrets
  /** Where a host is that a backend names; held against the provider's networks. */
  readonly locate: Locate
  /** Where instances report their ports; without it those that do are not made. */
  readonly reportUrl?: string
  /** When data of experiments may be worked with; by default as `defaultAccessRule` says. */
  readonly access?: AccessRule
  readonly timings: Timings
  /** Aborts when the worker begins to stop: waiting is left to the next one. */
  readonly stopping: AbortSignal
}

export type Creation =
  /** `readiness`: what came of it while it was waited for; without it nobody knows yet. */
  | { readonly kind: 'created'; readonly readiness?: Readiness }
  | { readonly kind: 'refused'; readonly reason: FailReason }
  /** The provider does not answer: the session waits again, and everything that stands stays. */
  | { readonly kind: 'unavailable' }
  /** It must not exist any more: a stop came first. */
  | { readonly kind: 'withdrawn' }

/** A backend's books are asked for so long. */
const usageMs = 10_000

/** What is done at one provider. Every deed is named by session and generation, so that repeats are harmless. */
export function createComputeActivities(deps: ComputeDeps) {
  const { db, providerId, provider, secrets, locate, timings, stopping, access = defaultAccessRule } = deps
  const watch = createWatch({ db, provider, locate })
  const turns = createTurns(db, providerId, timings)
  return {
    /**
     * Makes the instance, or finds the one an earlier attempt made. Where that is asked for, waits up to `waitMs` for its answer: most
     * answer soon, and need no task of the server that says so.
     */
    async createInstance({ waitMs = 0, ...key }: SessionKey & { readonly waitMs?: number }): Promise<Creation> {
      const since = Date.now()
      const launch = await readLaunch(db, key)
      // Since it was asked for, days may have gone by.
      if (!mayHaveData(launch, access, Date.now())) {
        await withdrawSession(db, key.sessionId)
        // It looks at its row, and finds that it is to stop.
        return { kind: 'unavailable' }
      }
      const report = launch.template.reportedPorts === undefined ? null : secrets.mintReport(key)
      const row = await beginInstance(db, key, providerId, secrets.mint(key), {
        report,
        runsAs: ownUser(launch),
        ofExperiment: ofExperiment(launch),
      })
      if (row.tombstoned) return { kind: 'withdrawn' }
      if (row.disarmed) throw whileDisarmed()
      const specified = specify(key, launch, {
        secret: secrets.open(key, row.secret),
        parameters: secrets.parameters(key, launch.secretParameters),
        report: reportOf(row),
      })
      if (specified.kind === 'refused') return await refuse(key, 'start_failed', specified.detail)
      const continued = await continuedBy(db, key)
      const created = await create({ ...specified.spec, ...(continued && { continues: continued.ref }) }, key)
      const made = created.kind === 'made' || created.kind === 'adopted' ? created.ref : null
      if (await noteMade(key, made)) return await withdraw(made ?? row.ref, made !== null)
      switch (created.kind) {
        case 'refused':
          await turns.answered()
          return await refuse(key, created.code, created.detail)
        case 'unavailable':
          // A call that was ended from here says nothing about the provider.
          Context.current().cancellationSignal.throwIfAborted()
          await turns.unavailable(key, created)
          return { kind: 'unavailable' }
        case 'made':
        case 'adopted':
          await turns.answered()
          return {
            kind: 'created',
            ...(await answerWithin(Math.min(waitMs, Math.floor(restOf(since) / 2)), key, launch)),
          }
        default:
          return created satisfies never
      }
    },

    /** Removes the instance and confirms that it is gone; an answer of this activity means: nothing is left. */
    async removeInstance(key: SessionKey): Promise<void> {
      await tombstone(db, key, providerId)
      const row = await readInstance(db, key)
      if (row === null) throw new Error('The tombstone that was just written is not there.')
      if (row.disarmed) throw whileDisarmed()
      await alive(timings, async (call) => {
        // What is over may be forgotten there, and what runs is not reckoned up yet: the last answer of the two counts.
        await noteUsage(key, row.ref, call)
        requireRemoved(await confirmRemoval(provider, row, call))
        await noteUsage(key, row.ref, call)
      })
      await recordRemoved(db, key)
    },

    /** Looks at an instance that a list says is not as it should be. Only what the backend confirms counts. */
    async inspectInstance(key: SessionKey): Promise<Inspection> {
      const row = await readInstance(db, key)
      if (row === null || row.tombstoned) return { kind: 'fine' }
      const state = await alive(timings, async (call) => await inspectSettled(provider, row, call))
      const verdict = verdictOf(state)
      // The backend ended it when its time was over: that is how it ends, and not that it went wrong.
      if (verdict.kind === 'gone' && state.kind === 'exited' && (await isPastItsTime(db, key))) return { kind: 'fine' }
      if (verdict.kind === 'gone') await noteEnd({ db, provider }, key, row.ref, state)
      else if (state.kind === 'running' || state.kind === 'paused') await recordSeen(db, key, state.kind)
      return verdict
    },
  }

  async function create(spec: InstanceSpec, key: SessionKey): Promise<Created> {
    const line = createProgressLine(db, key)
    try {
      return await alive(timings, (call) => provider.create(spec, { ...call, progress: (p) => line.say(p) }))
    } finally {
      await line.close()
    }
  }

  /** What the instance came to meanwhile, if anything. What goes wrong with the waiting is left to who waits for nothing else. */
  async function answerWithin(
    ms: number,
    key: SessionKey,
    { template }: Launch,
  ): Promise<{ readonly readiness?: Readiness }> {
    if (ms <= 0) return {}
    const over = AbortSignal.any([stopping, AbortSignal.timeout(ms)])
    try {
      return { readiness: await alive(timings, async (call) => await watch(key, template, call), over) }
    } catch {
      Context.current().cancellationSignal.throwIfAborted()
      return {}
    }
  }

  function reportOf({ key, reportToken }: InstanceRow): NonNullable<Opened['report']> | null {
    if (reportToken === null || deps.reportUrl === undefined) return null
    return { url: deps.reportUrl, token: secrets.openReport(key, reportToken) }
  }

  /** Keeps what the backend says that it used, where it counts. Nothing waits for that longer than 10 s, and nothing fails by it. */
  async function noteUsage(key: SessionKey, ref: InstanceRef, { signal }: CallContext): Promise<void> {
    if (provider.usage === undefined || provider.capabilities.usage !== true) return
    const bounded = { signal: AbortSignal.any([signal, AbortSignal.timeout(usageMs)]) }
    const usage = await provider.usage(ref, bounded).catch(() => null)
    if (usage !== null) await recordUsage(db, key, usage)
  }

  /** Keeps what was made, if anything. Returns whether it must not exist any more. */
  async function noteMade(key: SessionKey, ref: InstanceRef | null): Promise<boolean> {
    if (ref !== null) return (await recordMade(db, key, ref)).tombstoned
    return (await readInstance(db, key))?.tombstoned ?? false
  }

  /**
   * A stop came while the call was on its way: its removal may have looked before this landed, and found nothing. The stop
   * cancelled this activity too, so the removal has a time of its own. What such a call met says nothing about the provider.
   */
  async function withdraw(ref: InstanceRef, made: boolean): Promise<Creation> {
    const signal = AbortSignal.timeout(timings.removeTimeoutMs)
    const removed = await alive(timings, async () => await confirmRemoval(provider, { ref, made }, { signal }))
    requireRemoved(removed)
    return { kind: 'withdrawn' }
  }

  async function refuse(key: SessionKey, reason: FailReason, detail: string): Promise<Creation> {
    await noteOperatorDetail(db, key, detail)
    return { kind: 'refused', reason }
  }
}

export type ComputeActivities = ReturnType<typeof createComputeActivities>

/** What is left of this try's time, ms. */
const restOf = (since: number): number => Context.current().info.startToCloseTimeoutMs - (Date.now() - since)

/** "Absent" is believed twice, `settleMs` apart, as long as nobody knows how the create ended. */
async function inspectSettled(provider: ComputeProvider, row: InstanceRow, call: CallContext): Promise<InstanceState> {
  const first = await provider.inspect(row.ref, call)
  if (first.kind !== 'absent' || row.made) return first
  await pause(provider.settleMs, call.signal)
  return await provider.inspect(row.ref, call)
}
