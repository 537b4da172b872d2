import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { SessionId } from '../../domain/ids.ts'
import { isEnd } from '../../domain/lifecycle.ts'
import type { Reason, SessionState } from '../../domain/lifecycle.ts'
import { balanced } from './balance.ts'
import { note } from './kill-round.ts'
import type { RoundDeps, Wish } from './kill-round.ts'
import { fateBreaches } from './kill-verdict.ts'
import type { Fate } from './kill-verdict.ts'
import { patiently } from './patience.ts'
import type { ProofSite } from './site.ts'

/** How long sessions may take to come to rest, from the moment that somebody waits for it. */
export const restWithinMs = 180_000

/** Those that are not yet where they are to be: at an end for who was asked to stop, ready for everybody else. */
export async function restless(site: ProofSite, wishes: readonly Wish[]): Promise<Wish[]> {
  const rows = await statesOf(site, wishes)
  return wishes.filter(({ ids, stopped }) => {
    const state = rows.get([...ids][0] ?? '')?.state
    return state !== undefined && !isEnd(state) && (stopped || state !== 'ready')
  })
}

/** Waits until all are at rest, or can no longer be; then tells every breach that concerns them. */
export async function breachesAtRest(deps: RoundDeps, wishes: readonly Wish[]): Promise<string[]> {
  const { site } = deps
  const deadline = Date.now() + restWithinMs
  for (;;) {
    while ((await restless(site, wishes)).length > 0 && Date.now() < deadline) await delay(200)
    const before = wishes.filter(({ stopped }) => stopped).length
    const fates = await readFates(deps, wishes)
    // The next round stops some of them at any moment.
    if (wishes.filter(({ stopped }) => stopped).length !== before) continue
    const told = fateBreaches(fates)
    if (told.length > 0 && fates.some(({ row }) => row !== null && !isEnd(row.state)) && Date.now() < deadline) {
      await delay(200)
      if ((await restless(site, wishes)).length > 0) continue
    }
    const sessions = idsOf(wishes)
    const unbalanced = patiently(async () => await balanced(site, { allEnded: false, sessions }, restWithinMs))
    return [...told, ...(await unbalanced)]
  }
}

/** Sessions that live and that nobody asked for, or asked for once and got twice. */
export async function strangers(site: ProofSite, wishes: readonly Wish[]): Promise<string[]> {
  const known = new Set<string>(idsOf(wishes))
  const rows = await patiently(async () => await site.db.selectFrom('session').select(['id', 'state']).execute())
  return rows.filter(({ id }) => !known.has(id)).map(({ id, state }) => `${id} is ${state}, and nobody asked for it`)
}

// What the api answers as an id is one.
const idsOf = (wishes: readonly Wish[]) => wishes.flatMap((wish) => [...wish.ids]) as SessionId[]

interface Row {
  readonly state: SessionState
  readonly reason: Reason | null
  readonly detail: string | null
}

async function statesOf(site: ProofSite, wishes: readonly Wish[]) {
  const rows = await patiently(
    async () =>
      await site.db
        .selectFrom('session as s')
        .select(['s.id', 's.state', 's.reason', 's.operator_detail as detail'])
        .where('s.id', '=', sql<SessionId>`any(${idsOf(wishes)})`)
        .execute(),
  )
  return new Map<string, Row>(rows.map((r) => [r.id, r]))
}

/** What became of everybody, by the rows, by their key once more, and through the doors of those that live. */
async function readFates({ site, portal }: RoundDeps, wishes: readonly Wish[]): Promise<Fate[]> {
  await Promise.all(wishes.map(async (wish) => note(wish, await portal.replay(wish.name, wish.key))))
  const rows = await statesOf(site, wishes)
  const lines = await patiently(
    async () =>
      await site.db
        .selectFrom('session_event')
        .select(['session_id', 'data'])
        .where('type', '=', 'session.state')
        .where('session_id', '=', sql<SessionId>`any(${idsOf(wishes)})`)
        .orderBy('session_id')
        .orderBy('seq')
        .execute(),
  )
  return await Promise.all(
    wishes.map(async ({ name, ids, stopped }) => {
      const [id = ''] = ids
      const row = rows.get(id)
      const story = lines.filter((line) => line.session_id === id).map(({ data }) => String(data['state']))
      const seen = row?.state === 'ready' && !stopped ? await portal.look(name, id) : null
      return { name, ids: [...ids], stopped, row: row === undefined ? null : { ...row, story }, seen }
    }),
  )
}
