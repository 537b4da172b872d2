import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { defaultTimings } from '../../domain/timings.ts'
import { execute } from './ground.ts'
import type { Ground } from './ground.ts'
import { fakeConfiguration } from './fake-site.ts'
import { known } from './figures.ts'
import type { Part, Table } from './figures.ts'
import { startMany } from './many.ts'
import type { Extent } from './options.ts'
import { createPortal } from './portal.ts'
import { createSite } from './site.ts'
import type { Site } from './site.ts'

const mib = (kib: number) => `${Math.round(kib / 1_024)} MiB`
const perHour = 3_600_000
const periodMs = Math.max(defaultTimings.reconcileEveryMs, defaultTimings.expireEveryMs)

/** What Carrel itself takes: memory, statements, Temporal's events. */
export async function measureFootprint(ground: Ground, { quick }: Extent): Promise<Part> {
  const ready = quick ? 50 : 500
  const counted = quick ? 20 : 100
  // One run of everything that is scheduled falls into each window; in a shorter one it would into this or that.
  const idleMs = quick ? 10_000 : periodMs
  const site = await createSite(ground, { configuration: fakeConfiguration(20) })
  const temporal = await Connection.connect({ address: ground.temporalAddress })
  try {
    const portal = createPortal(site)
    const { progress } = ground
    await progress.step('e: warming up', () => startMany(portal, 'plain', 5))
    const before = await progress.step('e: idle', () => idle(site, idleMs))
    const start = await progress.step(`e: ${counted} starts`, async () => {
      const from = await callsOf(site)
      const began = performance.now()
      const ids = await startMany(portal, 'plain', counted)
      const tookMs = performance.now() - began
      const to = await callsOf(site)
      return { ids, tookMs, statements: sumOf(to) - sumOf(from), most: mostSent(from, to, counted) }
    })
    await progress.step(`e: ${ready} ready sessions`, () => startMany(portal, 'plain', ready - counted - 5))
    const eventsBefore = await eventsOf(temporal, site, start.ids)
    const after = await progress.step(`e: idle with ${ready} ready sessions`, () => idle(site, idleMs))
    const eventsAfter = await eventsOf(temporal, site, start.ids)
    const hours = (idleMs / perHour) * ready
    const background = (before.statements / idleMs) * start.tookMs
    return {
      id: 'e',
      title: 'What Carrel itself takes',
      how: [
        `Memory is the resident set of the processes, after ${idleMs / 1_000} s without a request. Statements are counted by \`pg_stat_statements\`, \`begin\` and \`commit\` included, utility statements and those of Carrel's loops too; what the loops send by themselves (starters, observer, beats, status, what is scheduled) was counted before, with 5 sessions and over as long, the time between two runs of what is scheduled, and is taken off, so that "per start" is what one more session costs: its POST, its decision, its start, and this bench's own looks at the list. The provider is the one in memory, with 20 starts at a time.`,
        "Temporal's events are those in the histories of a session's runs, from its start to being ready.",
      ],
      goals: [
        known('api, idle', mib(before.memory.api)),
        known(`api, ${ready} ready sessions`, mib(after.memory.api)),
        known('worker, idle', mib(before.memory.worker)),
        known(`worker, ${ready} ready sessions`, mib(after.memory.worker)),
        known('statements per start', ((start.statements - background) / counted).toFixed(0)),
        known("Temporal's events per start", (eventsBefore / start.ids.length).toFixed(1)),
        known('statements of the loops, per second, 5 sessions', ((before.statements * 1_000) / idleMs).toFixed(1)),
        known(
          `statements of the loops, per second, ${ready} sessions`,
          ((after.statements * 1_000) / idleMs).toFixed(1),
        ),
        known(
          'statements per idle session-hour',
          Math.max(0, (after.statements - before.statements) / hours).toFixed(2),
        ),
        known(
          "Temporal's events per idle session-hour",
          ((eventsAfter - eventsBefore) / ((idleMs / perHour) * start.ids.length)).toFixed(2),
        ),
      ],
      tables: [start.most],
    }
  } finally {
    await temporal.close()
    await site.close()
  }
}

async function idle(site: Site, forMs: number) {
  const from = await statements(site)
  await delay(forMs)
  const memory = { api: await residentKib(site.pids.api), worker: await residentKib(site.pids.worker ?? 0) }
  return { statements: (await statements(site)) - from, memory }
}

/** How often each statement was sent so far, by its text. */
async function callsOf({ databaseUrl }: Site): Promise<ReadonlyMap<string, number>> {
  await execute(databaseUrl, 'create extension if not exists pg_stat_statements')
  const counted = `select query, sum(calls)::float8 as calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
    where d.datname = current_database() group by query`
  const { rows } = await execute(databaseUrl, counted)
  return new Map((rows as { query: string; calls: number }[]).map(({ query, calls }) => [query, calls]))
}

const sumOf = (calls: ReadonlyMap<string, number>) => [...calls.values()].reduce((sum, n) => sum + n, 0)
const statements = async (site: Site): Promise<number> => sumOf(await callsOf(site))

const shown = 20
const longest = 90

/** What is sent most, per start. */
function mostSent(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, starts: number): Table {
  const rows = [...after]
    .map(([text, calls]) => ({ text, perStart: (calls - (before.get(text) ?? 0)) / starts }))
    .sort((a, b) => b.perStart - a.perStart)
    .slice(0, shown)
    .map(({ text, perStart }) => [perStart.toFixed(1), `\`${plain(text)}\``])
  return { title: 'what is sent most, per start, the loops included', columns: ['per start', 'statement'], rows }
}

const plain = (text: string) =>
  text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('`', "'").trim().slice(0, longest)

async function residentKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1])
}

/** The events of all runs of these sessions' workflows. What Temporal lists comes a moment later. */
async function eventsOf(temporal: Connection, { namespace }: Site, ids: readonly string[]): Promise<number> {
  let events = 0
  for (const id of ids) {
    const { executions } = await temporal.workflowService.listWorkflowExecutions({
      namespace,
      query: `WorkflowId = 'session/${id}'`,
    })
    for (const { execution } of executions) {
      const { history } = await temporal.workflowService.getWorkflowExecutionHistory({
        namespace,
        execution: execution!,
      })
      events += history?.events?.length ?? 0
    }
  }
  return events
}
