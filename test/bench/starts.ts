import { sql } from 'kysely'
import { createDockerSite } from './docker-site.ts'
import { atMost, cells, figureColumns, known, median, ms, times } from './figures.ts'
import type { Goal, Part, Table } from './figures.ts'
import type { Ground } from './ground.ts'
import { createNoop } from './noop.ts'
import type { Noop } from './noop.ts'
import type { Extent } from './options.ts'
import { createPortal, throughOnce } from './portal.ts'
import type { Portal } from './portal.ts'
import { createRawDocker } from './raw-docker.ts'
import type { RawDocker } from './raw-docker.ts'
import { interleaved, pooled, timed } from './rounds.ts'
import type { Site } from './site.ts'

interface Measured {
  readonly ready: { readonly carrel: number[]; readonly raw: number[] }
  readonly stopped: { readonly carrel: number[]; readonly raw: number[] }
  readonly noop: number[]
  readonly sessions: string[]
}

interface Setting {
  readonly site: Site
  readonly portal: Portal
  readonly raw: RawDocker
  readonly noop: Noop
  readonly templateId: string
  readonly concurrency: number
}

/** From the wish to the ready session, and from the wish to end it to nothing left, beside the same container made by hand. */
export async function measureStarts(ground: Ground, extent: Extent): Promise<Part> {
  const { site, settings, templates, startLimit } = await createDockerSite(ground)
  const noop = await createNoop(ground.temporalAddress, site.namespace)
  const portal = createPortal(site)
  const goals: Goal[] = []
  const tables: Table[] = []
  try {
    for (const name of ['notebook', 'trivial'] as const) {
      const raw = createRawDocker(settings, templates[name])
      const templateId = await portal.templateId(name)
      const stops: number[] = []
      try {
        for (const concurrency of extent.quick ? [1, 5] : [1, 5, 20]) {
          const setting: Setting = { site, portal, raw, noop, templateId, concurrency }
          const measured = await measure(
            ground,
            setting,
            roundsAt(concurrency, extent, name === 'notebook' && concurrency > 1),
            name,
          )
          const what = `${name}, ${concurrency} at once`
          tables.push(tableOf(what, measured), await wayOf(site, what, measured.sessions))
          goals.push(...(name === 'notebook' ? notebookGoals(what, measured, stops) : trivialGoals(what, measured)))
        }
      } finally {
        await raw.close()
      }
    }
  } finally {
    await noop.close()
    await site.close()
  }
  return {
    id: 'a',
    title: 'From the wish to a ready session, and to nothing left',
    how: [
      `Carrel: from the POST (\`Prefer: respond-async\`) to the event \`ready\` on the session's stream, and from the DELETE to the event \`stopped\`, which Carrel sends when the daemon has confirmed that nothing is left. The provider, its limit of ${startLimit} starts at a time and its ${settings.stopGraceSeconds} s of grace are those of the embedded stack.`,
      'Raw: through dockerode, the same at once: make a bridge network with the same options, create the container from the very body that Carrel sends (image, command, limits, rights, published port), put its secret into it, start it, inspect it for its port, and GET the same path every 50 ms until it answers with the same status; then stop with the same grace, remove container and network. Nothing is looked at twice, nothing is kept, all begin at once.',
      'No-op: a workflow with one activity that does nothing, from its start to its result, as many at once, on the same Temporal server and a worker of its own.',
    ],
    goals,
    tables,
  }
}

/** In fewer, one that the machine disturbs decides. */
const leastRounds = 3

/** About as many samples at each concurrency; many notebooks at once take long. */
const roundsAt = (concurrency: number, { rounds, quick }: Extent, slow: boolean): number =>
  Math.max(quick ? 1 : leastRounds, Math.ceil((rounds * (slow ? 2 : 4)) / Math.sqrt(concurrency)))

async function measure(ground: Ground, setting: Setting, rounds: number, name: string): Promise<Measured> {
  const { portal, raw, noop, templateId, concurrency } = setting
  const measured: Measured = {
    ready: { carrel: [], raw: [] },
    stopped: { carrel: [], raw: [] },
    noop: [],
    sessions: [],
  }
  const together = async <T>(of: readonly T[], deed: (one: T) => Promise<unknown>, into: number[]) => {
    await Promise.all(of.map(async (one) => into.push(await timed(async () => await deed(one)))))
  }
  const places = Array.from({ length: concurrency }, (_, n) => n)
  const carrel = async () => {
    const ids: string[] = []
    const become = async (id: string, wanted: string) => {
      const state = await portal.until(id, [wanted])
      if (state !== wanted) throw new Error(`a session became ${state}, not ${wanted}`)
    }
    const begin = async () => {
      const id = await portal.create(templateId)
      ids.push(id)
      await become(id, 'ready')
    }
    await together(places, begin, measured.ready.carrel)
    const end = async (id: string) => {
      await portal.remove(id)
      await become(id, 'stopped')
    }
    await together(ids, end, measured.stopped.carrel)
    measured.sessions.push(...ids)
  }
  const plain = async () => {
    const made: Awaited<ReturnType<RawDocker['start']>>[] = []
    await together(places, async () => made.push(await raw.start()), measured.ready.raw)
    await together(made, raw.stop, measured.stopped.raw)
  }
  await ground.progress.step(`a: ${name}, ${concurrency} at once`, async (say) => {
    if (concurrency === 1) {
      say('warming up')
      await warmUp(setting)
    }
    const noops = async () => await together(places, noop.run, measured.noop)
    await interleaved(rounds, { raw: plain, carrel, noop: noops }, ground.signal, say)
  })
  return measured
}

const warmAtOnce = 5

/** Some of each for nothing: what is made, read or compiled only the first times, in the daemon as in Carrel. */
async function warmUp({ portal, raw, noop, templateId }: Setting): Promise<void> {
  await pooled(warmAtOnce, warmAtOnce, async () => await raw.stop(await raw.start()))
  await pooled(warmAtOnce, warmAtOnce, async () => await throughOnce(portal, templateId))
  await pooled(warmAtOnce, warmAtOnce, noop.run)
}

function tableOf(what: string, { ready, stopped, noop }: Measured): Table {
  const row = (name: string, values: readonly number[]) => [name, ...cells(values)]
  return {
    title: what,
    columns: ['', ...figureColumns],
    rows: [
      row('ready: Carrel', ready.carrel),
      row('ready: raw', ready.raw),
      row('stop: Carrel', stopped.carrel),
      row('stop: raw', stopped.raw),
      row('no-op workflow', noop),
    ],
  }
}

function notebookGoals(what: string, { ready, stopped }: Measured, stops: number[]): Goal[] {
  const stop = median(stopped.carrel) / median(stopped.raw)
  stops.push(stop)
  return [
    atMost(`ready ÷ raw, ${what}`, median(ready.carrel) / median(ready.raw), 1.15),
    atMost(`stop ÷ raw, ${what}`, stop, 1.4),
    ...(stops.length > 1 ? [atMost(`stop ÷ raw, ${what}, beside one at a time`, stop / (stops[0] ?? NaN), 1.15)] : []),
  ]
}

function trivialGoals(what: string, { ready, stopped, noop }: Measured): Goal[] {
  const overhead = median(ready.carrel) - median(ready.raw)
  return [
    atMost(`(ready − raw) ÷ raw, ${what}`, overhead / median(ready.raw), 0.5),
    atMost(`(ready − raw) ÷ no-op workflow, ${what}`, overhead / median(noop), 6),
    known(`stop ÷ raw, ${what}`, times(median(stopped.carrel) / median(stopped.raw))),
  ]
}

/** Where the time between the POST and `ready` goes, as the rows tell it. */
async function wayOf({ db }: Site, what: string, sessions: readonly string[]): Promise<Table> {
  const { rows } = await sql<Record<string, number>>`
    with line as (
      select e.session_id, e.data ->> 'state' as state, e.at from session_event e
      where e.type in ('session.state') and e.session_id = any(${[...sessions]}))
    select extract(epoch from coalesce(q.dispatched_at, q.queued_at) - q.queued_at) * 1000 as queued,
      extract(epoch from q.queued_at - q.requested_at) * 1000 as admitted,
      extract(epoch from i.made_at - q.dispatched_at) * 1000 as made,
      extract(epoch from q.ready_at - i.made_at) * 1000 as answered,
      (select extract(epoch from max(at) filter (where state = 'stopping') - q.stop_requested_at) * 1000 from line where session_id = q.id) as stopping,
      extract(epoch from i.removed_at - i.tombstoned_at) * 1000 as removed,
      extract(epoch from q.ended_at - i.removed_at) * 1000 as ended
    from session q join instance i on i.session_id = q.id where q.id = any(${[...sessions]})
  `.execute(db)
  const steps: Readonly<Record<string, string>> = {
    admitted: 'recorded → admitted (starter, workflow, quota)',
    queued: 'waits for a free slot',
    made: 'begins → container started (driver)',
    answered: 'container started → ready',
    stopping: 'asked to end → stopping',
    removed: 'being removed (driver)',
    ended: 'removed → stopped',
  }
  return {
    title: `${what}: where Carrel's time goes`,
    columns: ['', ...figureColumns],
    rows: Object.entries(steps).map(([key, name]) => [
      name,
      ...cells(
        rows.map((row) => Number(row[key])),
        ms,
      ),
    ]),
  }
}
