import { recordWords } from '../db/backend-words.ts'
import type { Db } from '../db/connect.ts'
import { noteOperatorDetail } from '../db/endings.ts'
import { readInstance, recordRunning } from '../db/instances.ts'
import type { InstanceRow } from '../db/instances.ts'
import { newWords } from '../domain/backend-words.ts'
import type { KnownWords } from '../domain/backend-words.ts'
import type { FailReason } from '../domain/lifecycle.ts'
import type { ReadinessSpec, TemplateSpec } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import { probeHttp, probeTcp } from '../ports/access/probe.ts'
import type {
  CallContext,
  ComputeProvider,
  Endpoint,
  InstanceRef,
  InstanceState,
  Running,
} from '../ports/compute/provider.ts'
import type { Locate } from './access.ts'
import { createProgressLine } from './progress.ts'
import type { ProgressLine } from './progress.ts'
import { pause } from './pause.ts'
import { placeReported, placeSaid } from './reported.ts'
import { verdictOf } from './verdict.ts'

export type Readiness =
  { readonly kind: 'ready' } | { readonly kind: 'gone'; readonly reason: FailReason } | { readonly kind: 'withdrawn' }

/** What of a template says when its instance answers, and who says where. */
export type Expectation = Pick<TemplateSpec, 'readiness' | 'reportedPorts'>

export interface WatchDeps {
  readonly db: Db
  readonly provider: ComputeProvider
  /** Where a host is that a backend names; held against the provider's networks. */
  readonly locate: Locate
}

const soonestKnockMs = 50
const latestKnockMs = 500
/** How often the observer's news are read, and how often the backend itself is asked should there be none. */
const newsMs = 500
const inspectMs = 10_000
/** The same while the observer lists it: the list would show what there is to see. */
const listedInspectMs = 60_000
/** The same of a backend that is asked once for all: its list may take long, and a start is noticed when it has. */
const togetherInspectMs = 2_000
/** A start says where it is within its last lines; drivers cap them in bytes as well. */
const readableLines = 5_000

/** Waits for instances until they answer, are gone, or must be. The provider is listed for all of them by its observer; here only doors are knocked at. */
export function createWatch({ db, provider, locate }: WatchDeps) {
  /** Ends when the instance answers as its template says, or is gone, or must be. Rejects when the call is ended. */
  return async (key: SessionKey, expected: Expectation, call: CallContext): Promise<Readiness> => {
    const line = createProgressLine(db, key)
    try {
      return await watch(key, expected, call, line)
    } finally {
      await line.close()
    }
  }

  async function watch(
    key: SessionKey,
    { readiness, reportedPorts }: Expectation,
    call: CallContext,
    line: ProgressLine,
  ): Promise<Readiness> {
    const reports = reportedPorts !== undefined
    let running: Running | null = null
    let endpoints: readonly Endpoint[] | null = null
    let row: InstanceRow | null = null
    let words: KnownWords = { pendingReason: null, expectedAt: null, endsAt: null }
    let [inspectedAt, asked] = [0, 0]
    let newsAt = 0
    let seen: string | null = null
    let isNews = false
    const since = Date.now()
    for (;;) {
      const now = Date.now()
      if (now - newsAt >= newsMs) {
        newsAt = now
        isNews = true
        row = await readInstance(db, key)
        if (row === null || row.tombstoned) return { kind: 'withdrawn' }
        if (running === null && row.pendingReason !== null) sayPending(line, row.pendingReason)
      }
      const known = {
        reached: running !== null,
        seen,
        asked,
        sinceMs: now - inspectedAt,
        listed: row?.listed === true,
        together: provider.inspectsTogether === true,
      }
      if (row !== null && worthAsking(known, row.seen)) {
        inspectedAt = now
        asked += 1
        seen = row.seen
        const state = await provider.inspect(row.ref, call)
        const verdict = verdictOf(state)
        if (verdict.kind === 'gone') return await gone(key, row, verdict.reason, state)
        words = await noteWords(key, words, state)
        if (state.kind === 'running') running = state
        if (state.kind === 'running' && !reports && state.unverified !== true)
          endpoints = await runningAt(key, state, endpoints)
        say(line, state, readiness)
      }
      if (row !== null && running !== null && endpoints === null && isNews) {
        const placed = reports
          ? await placeReported({ db, locate }, key, row.reported, running)
          : await placeSaid({ db, locate }, key, running.endpoints)
        if (placed.kind === 'refused') return await refused(key, placed.detail)
        if (placed.kind === 'placed') endpoints = placed.endpoints
        else line.say({ message: `Started, waiting for ${placed.for}`, percent: null })
      }
      isNews = false
      if (row !== null && endpoints !== null && (await answers(row, readiness, endpoints, call)))
        return { kind: 'ready' }
      await pause(nextKnockMs(Date.now() - since), call.signal)
    }
  }

  async function runningAt(
    key: SessionKey,
    state: Running,
    known: readonly Endpoint[] | null,
  ): Promise<readonly Endpoint[] | null> {
    if (JSON.stringify(known) !== JSON.stringify(state.endpoints)) await recordRunning(db, key, state.endpoints)
    return state.endpoints
  }

  /** What the backend says of the instance's future, where the observer has not written it yet. */
  async function noteWords(key: SessionKey, known: KnownWords, state: InstanceState): Promise<KnownWords> {
    const words = newWords(known, state)
    if (words === null) return known
    await recordWords(db, [{ ...key, ...words }])
    return words
  }

  async function answers(
    row: InstanceRow,
    readiness: ReadinessSpec,
    endpoints: readonly Endpoint[],
    call: CallContext,
  ): Promise<boolean> {
    if (readiness.kind === 'none') return true
    if (readiness.kind === 'log') {
      const text = (await provider.logs?.(row.ref, readableLines, call)) ?? ''
      return text.includes(readiness.pattern)
    }
    const door = endpoints.find((e) => e.port === readiness.port)
    if (door === undefined) return false
    const { host, hostPort: port, fingerprint } = door
    const target = { host, port, ...(fingerprint === undefined ? {} : { fingerprint }) }
    return readiness.kind === 'tcp'
      ? await probeTcp(target, call.signal)
      : await probeHttp({ ...target, path: readiness.path, status: readiness.status }, call.signal)
  }

  async function gone(key: SessionKey, row: InstanceRow, reason: FailReason, state: InstanceState): Promise<Readiness> {
    await noteEnd({ db, provider }, key, row.ref, state)
    return { kind: 'gone', reason }
  }

  async function refused(key: SessionKey, detail: string): Promise<Readiness> {
    await noteOperatorDetail(db, key, detail)
    return { kind: 'gone', reason: 'start_failed' }
  }
}

/** Keeps for operators why the instance is over, as its backend says, and what it printed last, where that tells. */
export async function noteEnd(
  { db, provider }: { readonly db: Db; readonly provider: ComputeProvider },
  key: SessionKey,
  ref: InstanceRef,
  state: InstanceState,
): Promise<void> {
  const detail = state.kind === 'exited' ? (state.detail ?? '') : ''
  const printed = await provider.logs?.(ref, 50, { signal: AbortSignal.timeout(10_000) }).catch(() => '')
  const text = [detail, printed ?? ''].filter((part) => part !== '').join('\n\n')
  if (text !== '') await noteOperatorDetail(db, key, text)
}

/** When the door is knocked at again: an answer is missed by at most a twentieth of the wait so far, and nobody knocks all the time. */
export const nextKnockMs = (waitedMs: number): number =>
  Math.min(latestKnockMs, Math.max(soonestKnockMs, waitedMs / 20))

interface Asked {
  readonly reached: boolean
  readonly seen: string | null
  readonly asked: number
  readonly sinceMs: number
  readonly listed?: boolean
  readonly together?: boolean
}

/**
 * Whether the backend itself is asked: the observer saw something new, or nobody asked for long. `sinceMs`: the last time, of `asked`.
 * An observer that had nothing to do may look only seconds later: until it has, the backend is asked ever less often.
 */
export function worthAsking(known: Asked, news: string | null): boolean {
  if (known.sinceMs >= usuallyMs(known, news)) return true
  if (known.reached) return news !== known.seen && news !== 'running'
  if (news === null && known.sinceMs >= newsMs * 2 ** (known.asked - 1)) return true
  return news !== known.seen || (news === 'running' && known.sinceMs >= newsMs * 2)
}

function usuallyMs({ reached, listed, together }: Asked, news: string | null): number {
  if (reached || news === 'running') return inspectMs
  if (together === true) return togetherInspectMs
  // What the list shows to be waiting, as it was, needs no asking for each by itself.
  return listed === true && news === 'pending' ? listedInspectMs : inspectMs
}

function say(line: ProgressLine, state: InstanceState, readiness: ReadinessSpec): void {
  if (state.kind === 'pending') sayPending(line, state.reason)
  if (state.kind !== 'running') return
  if (readiness.kind === 'none') return
  const what = readiness.kind === 'log' ? 'the start to finish' : `port ${readiness.port}`
  line.say({ message: `Started, waiting for ${what}`, percent: null })
}

const sayPending = (line: ProgressLine, reason: string): void =>
  line.say({ message: `Waiting for the machine: ${reason}`, percent: null })
