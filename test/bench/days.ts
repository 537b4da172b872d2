import { setTimeout as delay } from 'node:timers/promises'
import { atMost, cells, figureColumns, known, median, ms } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { createPeopleSite } from './people-site.ts'
import type { Known, PeopleSite } from './people-site.ts'
import { timed } from './rounds.ts'
import { createVisitor } from './visitor.ts'
import type { Visitor } from './visitor.ts'

/** What was heard of all days: each call, what was waited for, and what went wrong. */
interface Log {
  readonly calls: Map<string, number[]>
  readonly waits: Map<string, number[]>
  readonly errors: string[]
}

/** A portal's whole day, of many people at once: how long each call takes, and that none fails. */
export async function measureDays(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const count = quick ? 6 : 50
  const people = await ground.progress.step('j: people', async () => await createPeopleSite(ground, count))
  const log: Log = { calls: new Map(), waits: new Map(), errors: [] }
  try {
    await ground.progress.step('j: days', async (say) => {
      // The first is for nothing: until what is asked often is compiled, and every connection has planned its statements.
      for (let round = 0; round <= rounds; round++) {
        ground.signal.throwIfAborted()
        say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
        if (round === 1) for (const kept of [log.calls, log.waits]) kept.clear()
        await Promise.all(people.people.map(async (one) => await liveDay(people, one, log, ground.signal)))
      }
    })
  } finally {
    await people.close()
  }
  const rows = (of: ReadonlyMap<string, readonly number[]>) => [...of].map(([name, took]) => [name, ...cells(took)])
  const all = [...log.calls.values()].flat()
  const days = log.waits.get(wholeDay) ?? []
  const [firstError = 'none'] = log.errors
  return {
    id: 'j',
    title: "A portal's day of many people at once",
    how: [
      `${count} people at once, ${rounds} days each: sign in, see who one is, templates and experiments, start a session on an experiment's data (\`Prefer: respond-async\`), look every ${pollMs} ms until it is ready, open its door, let the colleague of the experiment in and see them listed, list sessions, stop, look until it has ended, sign out. Half of them by the browser's own cookie, with an OpenID provider (code and PKCE; the issuer's own time is not counted), a quarter through a portal that exchanges their ID token (RFC 8693), a quarter through one that vouches for them and acts for them. Over connections that are kept. The provider is in memory; the issuer and the people are one process on the same machine.`,
    ],
    goals: [
      atMost('errors', log.errors.length, 0, String),
      known('the first of them', firstError),
      known('calls', String(all.length)),
      known('a day', days.length === 0 ? 'nobody came to its end' : ms(median(days))),
    ],
    tables: [
      {
        title: 'how long a call takes',
        columns: ['', ...figureColumns],
        rows: [...rows(log.calls), ['all', ...cells(all)]],
      },
      { title: 'how long people wait', columns: ['', ...figureColumns], rows: rows(log.waits) },
    ],
  }
}

const pollMs = 500
const patienceMs = 5 * 60_000
const wholeDay = 'the whole day'
const comeBy = {
  browser: 'by the browser',
  exchange: 'by an exchanged token',
  portal: 'through a portal that acts for them',
}

/** One person's day. What fails ends it, and is in the log. */
async function liveDay({ place }: PeopleSite, one: Known, log: Log, signal: AbortSignal): Promise<void> {
  const add = (to: Map<string, number[]>, name: string, took: number) => to.set(name, [...(to.get(name) ?? []), took])
  const visitor = createVisitor(place, one.name, one.way, ({ call, status, ms: took }) => {
    add(log.calls, call, took)
    if (status >= 400) log.errors.push(`${call}: ${status}`)
  })
  const waited = async (what: string, work: () => Promise<unknown>) => add(log.waits, what, await timed(work))
  try {
    await waited(wholeDay, async () => {
      await waited(`signed in, ${comeBy[one.way]}`, visitor.signIn)
      const id = await begin(visitor, waited, signal)
      await share(visitor, id, one.colleagueId)
      await waited('from the wish to the end', async () => {
        await visitor.ask('DELETE', `/v1/sessions/${id}`)
        await until(visitor, id, 'stopped', signal)
      })
      await visitor.signOut()
    })
  } catch (error) {
    signal.throwIfAborted()
    log.errors.push(error instanceof Error ? error.message : String(error))
  }
}

type Waited = (what: string, work: () => Promise<unknown>) => Promise<unknown>

/** Looks around, and starts on the data of the one experiment. Returns the id of the session once it is ready. */
async function begin(visitor: Visitor, waited: Waited, signal: AbortSignal): Promise<string> {
  await visitor.ask('GET', '/v1/whoami')
  const templateId = firstOf(await visitor.ask('GET', '/v1/templates'))
  const experimentId = firstOf(await visitor.ask('GET', '/v1/experiments?order=-starts&limit=50'))
  await visitor.ask('GET', `/v1/experiments/${experimentId}`)
  let id = ''
  await waited('from the wish to ready', async () => {
    id = String((await visitor.ask('POST', '/v1/sessions', { templateId, experimentId }))['id'])
    await until(visitor, id, 'ready', signal)
  })
  return id
}

async function share(visitor: Visitor, id: string, colleagueId: string): Promise<void> {
  await visitor.ask('POST', `/v1/sessions/${id}/connections`, { door: 'web' })
  await visitor.ask('PUT', `/v1/sessions/${id}/collaborators/${colleagueId}`, { mode: 'control' })
  firstOf(await visitor.ask('GET', `/v1/sessions/${id}/collaborators`), 'accountId')
  firstOf(await visitor.ask('GET', '/v1/sessions?limit=50'))
}

function firstOf({ items }: Record<string, unknown>, field = 'id'): string {
  // A page of a list.
  const first = (items as readonly Record<string, unknown>[])[0]?.[field]
  if (typeof first !== 'string') throw new Error('a list is empty that has something')
  return first
}

async function until(visitor: Visitor, id: string, wanted: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const { state, reason } = await visitor.ask('GET', `/v1/sessions/${id}`)
    if (state === wanted) return
    const isOver = ['stopped', 'failed', 'rejected'].includes(String(state))
    if (isOver || Date.now() > deadline)
      throw new Error(`a session is ${String(state)} (${String(reason)}), not ${wanted}`)
    await delay(pollMs, undefined, { signal })
  }
}
