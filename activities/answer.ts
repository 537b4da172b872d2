import type { Db } from '../db/connect.ts'
import { noteOperatorDetail } from '../db/endings.ts'
import { readInstance, recordRunning } from '../db/instances.ts'
import type { InstanceRow } from '../db/instances.ts'
import type { FailReason } from '../domain/lifecycle.ts'
import type { ReadinessSpec } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import { probeHttp, probeTcp } from '../ports/access/probe.ts'
import type { CallContext, ComputeProvider, Endpoint, InstanceRef, InstanceState } from '../ports/compute/provider.ts'
import { createProgressLine } from './progress.ts'
import type { ProgressLine } from './progress.ts'
import { pause } from './pause.ts'
import { verdictOf } from './verdict.ts'

export type Readiness =
  { readonly kind: 'ready' } | { readonly kind: 'gone'; readonly reason: FailReason } | { readonly kind: 'withdrawn' }

const soonestKnockMs = 50
const latestKnockMs = 500
/** How often the observer's news are read, and how often the backend itself is asked should there be none. */
const newsMs = 500
const inspectMs = 10_000
/** A start says where it is within its last lines; drivers cap them in bytes as well. */
const readableLines = 5_000

/** Waits for instances until they answer, are gone, or must be. The provider is listed for all of them by its observer; here only doors are knocked at. */
export function createWatch({ db, provider }: { readonly db: Db; readonly provider: ComputeProvider }) {
  /** Ends when the instance answers as its template says, or is gone, or must be. Rejects when the call is ended. */
  return async (key: SessionKey, readiness: ReadinessSpec, call: CallContext): Promise<Readiness> => {
    const line = createProgressLine(db, key)
    try {
      return await watch(key, readiness, call, line)
    } finally {
      await line.close()
    }
  }

  async function watch(
    key: SessionKey,
    readiness: ReadinessSpec,
    call: CallContext,
    line: ProgressLine,
  ): Promise<Readiness> {
    let endpoints: readonly Endpoint[] | null = null
    let row: InstanceRow | null = null
    let inspectedAt = 0
    let newsAt = 0
    let seen: string | null = null
    const since = Date.now()
    for (;;) {
      const now = Date.now()
      if (now - newsAt >= newsMs) {
        newsAt = now
        row = await readInstance(db, key)
        if (row === null || row.tombstoned) return { kind: 'withdrawn' }
      }
      const known = { reached: endpoints !== null, seen, sinceMs: now - inspectedAt }
      if (row !== null && worthAsking(known, row.seen)) {
        inspectedAt = now
        seen = row.seen
        const state = await provider.inspect(row.ref, call)
        const verdict = verdictOf(state)
        if (verdict.kind === 'gone') return await gone(key, row, verdict.reason)
        endpoints = await runningAt(key, state, endpoints)
        say(line, state, readiness)
      }
      if (row !== null && endpoints !== null && (await answers(row, readiness, endpoints, call)))
        return { kind: 'ready' }
      await pause(nextKnockMs(Date.now() - since), call.signal)
    }
  }

  async function runningAt(
    key: SessionKey,
    state: InstanceState,
    known: readonly Endpoint[] | null,
  ): Promise<readonly Endpoint[] | null> {
    if (state.kind !== 'running') return known
    if (JSON.stringify(known) !== JSON.stringify(state.endpoints)) await recordRunning(db, key, state.endpoints)
    return state.endpoints
  }

  async function answers(
    row: InstanceRow,
    readiness: ReadinessSpec,
    endpoints: readonly Endpoint[],
    call: CallContext,
  ): Promise<boolean> {
    if (readiness.kind === 'log') {
      const text = (await provider.logs?.(row.ref, readableLines, call)) ?? ''
      return text.includes(readiness.pattern)
    }
    const door = endpoints.find((e) => e.port === readiness.port)
    if (door === undefined) return false
    const target = { host: door.host, port: door.hostPort }
    return readiness.kind === 'tcp'
      ? await probeTcp(target, call.signal)
      : await probeHttp({ ...target, path: readiness.path, status: readiness.status }, call.signal)
  }

  async function gone(key: SessionKey, row: InstanceRow, reason: FailReason): Promise<Readiness> {
    await noteLogs({ db, provider }, key, row.ref)
    return { kind: 'gone', reason }
  }
}

/** Keeps for operators what the instance printed last, where its backend tells. */
export async function noteLogs(
  { db, provider }: { readonly db: Db; readonly provider: ComputeProvider },
  key: SessionKey,
  ref: InstanceRef,
): Promise<void> {
  if (provider.logs === undefined) return
  const text = await provider.logs(ref, 50, { signal: AbortSignal.timeout(10_000) }).catch(() => '')
  if (text !== '') await noteOperatorDetail(db, key, text)
}

/** When the door is knocked at again: an answer is missed by at most a twentieth of the wait so far, and nobody knocks all the time. */
export const nextKnockMs = (waitedMs: number): number =>
  Math.min(latestKnockMs, Math.max(soonestKnockMs, waitedMs / 20))

/** Whether the backend itself is asked: the observer saw something new, or nobody asked for long. `sinceMs`: the last time. */
export function worthAsking(
  known: { readonly reached: boolean; readonly seen: string | null; readonly sinceMs: number },
  news: string | null,
): boolean {
  if (known.sinceMs >= inspectMs) return true
  if (known.reached) return news !== known.seen && news !== 'running'
  return news !== known.seen || (news === 'running' && known.sinceMs >= newsMs * 2)
}

function say(line: ProgressLine, state: InstanceState, readiness: ReadinessSpec): void {
  if (state.kind === 'pending') line.say({ message: `Waiting for the machine: ${state.reason}`, percent: null })
  if (state.kind !== 'running') return
  const what = readiness.kind === 'log' ? 'the start to finish' : `port ${readiness.port}`
  line.say({ message: `Started, waiting for ${what}`, percent: null })
}
