import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { SessionId } from '../../domain/ids.ts'
import { isEnd } from '../../domain/lifecycle.ts'
import type { Reason, SessionState } from '../../domain/lifecycle.ts'
import { balanced } from './balance.ts'
import type { Deed, RoundPlan } from './kill-plan.ts'
import type { Portal } from './kill-portal.ts'
import { answerBreaches, fateBreaches } from './kill-verdict.ts'
import type { Fate } from './kill-verdict.ts'
import type { ProofSite } from './site.ts'

/** A session as the portal knows it. */
interface Wish {
  readonly session: number
  readonly key: string
  readonly ids: Set<string>
  stopped: boolean
}

export interface RoundResult {
  /** The processes that were killed, in order. */
  readonly kills: readonly string[]
  readonly sessions: number
  readonly stopped: number
  readonly ready: number
  /** From the last deed until everything was as it should be. */
  readonly settledMs: number
  readonly lost: number
  readonly unavailable: number
  readonly breaches: readonly string[]
  /** Those that live on. */
  readonly living: readonly Wish[]
}
export type Living = readonly Wish[]

interface RoundDeps {
  readonly site: ProofSite
  readonly portal: Portal
  readonly signal: AbortSignal
  /** How long everything may take to come to rest. */
  readonly settleWithinMs: number
}

/** Carries a plan out, waits until all has come to rest, and tells every breach. */
export async function runRound(deps: RoundDeps, plan: RoundPlan, earlier: Living): Promise<RoundResult> {
  const { site, portal } = deps
  const known = portal.answers.length
  const givenUp = portal.givenUp.length
  const kills: string[] = []
  const wishes = new Map<number, Wish>(
    earlier.map((wish, n) => [n - earlier.length, { ...wish, session: n - earlier.length }]),
  )
  for (let session = 0; session < plan.sessions; session += 1)
    wishes.set(session, { session, key: portal.key(), ids: new Set(), stopped: false })
  const created = new Map<number, Promise<unknown>>()
  const began = Date.now()

  await Promise.all(
    plan.deeds.map(async (deed) => {
      const wish = 'session' in deed ? wishes.get(deed.session) : undefined
      // Whoever comes to stop it waits for this, and so it must be there from the beginning.
      const { promise, resolve } = Promise.withResolvers<void>()
      if (deed.do === 'create') created.set(deed.session, promise)
      await delay(Math.max(0, began + deed.at - Date.now()), undefined, { signal: deps.signal }).catch(() => {})
      if (!deps.signal.aborted || deed.do !== 'kill') await doDeed(deps, deed, wish, created, kills)
      resolve()
    }),
  )
  const done = Date.now()
  await site.whole()
  await settle(deps, [...wishes.values()])
  const settledMs = Date.now() - done
  const all = [...wishes.values()]
  const fates = await readFates(deps, all)
  const answers = portal.answers.slice(known)
  const downtimes = (name: string) => site.processes.find((p) => p.name === name)?.downtimes ?? []
  const breaches = [
    ...answerBreaches(answers, downtimes('api'), downtimes('postgres')),
    ...portal.givenUp.slice(givenUp),
    ...fateBreaches(fates),
    ...(await strangers(site, all)),
    ...(await balanced(site, { allEnded: false }, deps.settleWithinMs)),
  ]
  const living = all.filter((wish) => !wish.stopped)
  return {
    kills,
    sessions: all.length,
    stopped: all.length - living.length,
    ready: living.length,
    settledMs,
    lost: answers.filter(({ status }) => status === null).length,
    unavailable: answers.filter(({ status }) => status === 503).length,
    breaches,
    living,
  }
}

async function doDeed(
  { site, portal }: RoundDeps,
  deed: Deed,
  wish: Wish | undefined,
  created: ReadonlyMap<number, Promise<unknown>>,
  kills: string[],
): Promise<void> {
  if (deed.do === 'kill') {
    if (site.processes.find(({ name }) => name === deed.process)?.kill(deed.downMs) === true) kills.push(deed.process)
    return
  }
  if (deed.do === 'list') return void (await portal.list())
  if (wish === undefined) return
  if (deed.do === 'create') {
    note(wish, (await portal.create(wish.session, wish.key))?.body['id'])
    return
  }
  await created.get(deed.session)
  const [id] = wish.ids
  if (id === undefined) return
  if (deed.do === 'read') return void (await portal.read(wish.session, id))
  // From the first try on it may end.
  wish.stopped = true
  await portal.stop(wish.session, id)
}

const note = (wish: Wish, id: unknown): void => {
  if (typeof id === 'string') wish.ids.add(id)
}

/** Waits until everybody who was asked to end has, and everybody else is ready; or until that can no longer be. */
async function settle({ site, settleWithinMs }: RoundDeps, wishes: readonly Wish[]): Promise<void> {
  const deadline = Date.now() + settleWithinMs
  for (;;) {
    const rows = await states(site, wishes)
    const open = wishes.filter(({ ids, stopped }) => {
      const state = rows.get([...ids][0] ?? '')?.state
      return state !== undefined && !isEnd(state) && (stopped || state !== 'ready')
    })
    if (open.length === 0 || Date.now() > deadline) return
    await delay(200)
  }
}

async function states(site: ProofSite, wishes: readonly Wish[]) {
  // What the api answers as an id is one.
  const ids = wishes.flatMap((wish) => [...wish.ids]) as SessionId[]
  const rows = await site.db
    .selectFrom('session as s')
    .select(['s.id', 's.state', 's.reason'])
    .where('s.id', '=', sql<SessionId>`any(${ids})`)
    .execute()
  return new Map<string, { readonly state: SessionState; readonly reason: Reason | null }>(rows.map((r) => [r.id, r]))
}

/** What became of everybody, by the rows, by their key once more, and through the doors of those that live. */
async function readFates({ site, portal }: RoundDeps, wishes: readonly Wish[]): Promise<Fate[]> {
  await Promise.all(wishes.map(async (wish) => note(wish, (await portal.replay(wish.session, wish.key))?.body['id'])))
  const rows = await states(site, wishes)
  const lines = await site.db
    .selectFrom('session_event')
    .select(['session_id', 'data'])
    .where('type', '=', 'session.state')
    .orderBy('session_id')
    .orderBy('seq')
    .execute()
  return await Promise.all(
    wishes.map(async ({ session, ids, stopped }) => {
      const [id = ''] = ids
      const row = rows.get(id)
      const story = lines.filter((line) => line.session_id === id).map(({ data }) => String(data['state']))
      const seen = row?.state === 'ready' && !stopped ? await portal.look(session, id) : null
      return { session, ids: [...ids], stopped, row: row === undefined ? null : { ...row, story }, seen }
    }),
  )
}

/** Sessions that nobody asked for, or asked for once and got twice. */
async function strangers(site: ProofSite, wishes: readonly Wish[]): Promise<string[]> {
  const known = new Set(wishes.flatMap(({ ids }) => [...ids]))
  const rows = await site.db.selectFrom('session').select(['id', 'state']).where('ended_at', 'is', null).execute()
  return rows.filter(({ id }) => !known.has(id)).map(({ id, state }) => `${id} is ${state}, and nobody asked for it`)
}
