import { openSocketProxy } from '../docker/socket-proxy.ts'
import { endAll, judge } from './kill.ts'
import { createPortal } from './kill-portal.ts'
import type { Answer, Portal } from './kill-portal.ts'
import { runRound } from './kill-round.ts'
import type { Round, RoundDeps, Wish } from './kill-round.ts'
import { planCalm, planOutage } from './outage-plan.ts'
import { readBreaches, readOn } from './outage-reader.ts'
import { missing } from './length.ts'
import type { Part, ProofOutcome, ProofRun } from './part.ts'
import { breakerBreaches, watchBreaker, watchedWay } from './provider-outage.ts'
import type { BreakerWatch } from './provider-outage.ts'
import { createProofSite } from './site.ts'
import type { ProofSite } from './site.ts'
import { localProvider, nameOf, proofTarget } from './target.ts'
import type { ProofTarget } from './target.ts'
import type { Downtime, Watched } from './watched.ts'

export interface OutageLength {
  readonly outageMs: number
  /** How many sessions start and stop in each, every fourth at the other provider; four at least. */
  readonly sessions: number
}

const way = 'provider'

export const outage: Part = {
  name: 'outage',
  shows: 'while Postgres, Temporal or the backend is away, reads answer or say when to come again, and nothing is lost',
  on: (target) => `${nameOf(target)}, beside one in memory`,
  run: async (run) => await throughOutages(run, { outageMs: 20_000, sessions: 20 }),
}

/** Rounds of one outage of each kind, one after the other, on an installation of the proof's own. */
export async function throughOutages(run: ProofRun, length: OutageLength): Promise<ProofOutcome> {
  const { target, seed, say, signal, temporalCli } = run
  const until = Date.now() + run.durationMs
  let watching: BreakerWatch | null = null
  const cuttable = await cut(target, () => watching?.seen() ?? true)
  // In the memory of the one worker, which lives through all of it: should it end, its sessions are lost, and that is told.
  const beside = proofTarget({ provider: { ...localProvider('fake'), id: 'beside' }, directory: '' })
  const logged = process.env['TEST_LOG']
  const onLine = logged === undefined ? {} : { onLine: (name: string, line: string) => say(`    [${name}] ${line}`) }
  const timings = length.outageMs < 20_000 ? { breakerMs: 1_000 } : {}
  const site = await createProofSite({
    target: cuttable.target,
    beside,
    temporalCli,
    workers: 1,
    workflowBundle: run.workflowBundle,
    timings,
    ...onLine,
  }).catch(async (error: unknown) => {
    await cuttable.close()
    throw error
  })
  const breaches: string[] = []
  const notes: string[] = []
  const all: Wish[] = []
  let cases = 0
  try {
    const kinds = ['postgres', 'temporal', ...(cuttable.way === null ? [] : [way])]
    if (cuttable.way === null) notes.push('the way to this provider cannot be cut from here: its outage was left out')
    else site.processes.push(cuttable.way)
    const { portal, begin } = await openPortal(site)
    const deps: RoundDeps = { site, portal, signal }
    const calm = await runRound(deps, planCalm(seed), [])
    all.push(...calm.wishes)
    breaches.push(...(await judge(deps, calm)).breaches)
    const rounds = (run.rounds ?? 1) * kinds.length
    while (cases < rounds && breaches.length === 0 && Date.now() < until && !signal.aborted) {
      const process = kinds[cases % kinds.length] ?? ''
      const earlier = all.filter(({ stopped }) => !stopped)
      cases += 1
      const plan = planOutage({ ...length, seed, round: cases, process, earlier: earlier.length })
      watching = process === way ? watchBreaker(site, target.provider.id, beside.provider.id) : null
      begin()
      const told = await runOutage(deps, process, async () => {
        const round = await runRound(deps, plan, earlier)
        all.push(...round.wishes.slice(earlier.length))
        return round
      })
      const story = (await watching?.stop()) ?? null
      const found = story === null ? [] : await breakerBreaches(site, story, beside.provider.id)
      breaches.push(...[...told.breaches, ...found].map((breach) => `${process} away, outage ${cases}: ${breach}`))
      notes.push(told.note)
      say(told.note)
    }
    breaches.push(...(await endAll(deps, all)), ...unaskedEnds(site))
    for (const breach of breaches) say(`  breach: ${breach}`)
    const missed = run.rounds === undefined ? null : missing(cases, rounds, 'outages')
    return { cases, breaches: [...new Set(breaches)], missed, notes }
  } finally {
    await site.close()
    await cuttable.close()
  }
}

interface Told {
  readonly note: string
  readonly breaches: readonly string[]
}

/** Reads on while a round is carried out and until all is at rest, and tells what came of it. */
async function runOutage(deps: RoundDeps, process: string, carryOut: () => Promise<Round>): Promise<Told> {
  const { site } = deps
  const downtimes = (name: string): readonly Downtime[] =>
    site.processes.find((each) => each.name === name)?.downtimes ?? []
  const resident = await site.db.selectFrom('session').select('id').where('state', '=', 'ready').executeTakeFirst()
  const stopReading = readOn(site.apiUrl, site.user.token, [
    `/v1/sessions/${resident?.id ?? ''}`,
    '/v1/sessions?limit=50',
    '/v1/status',
    '/readyz',
  ])
  const round = await carryOut()
  await site.whole()
  const done = Date.now()
  const { answers, breaches } = await judge(deps, round)
  const restedMs = Date.now() - done
  const reads = await stopReading()
  const away = downtimes(process).at(-1)
  const slowest = Math.max(...reads.map(({ from, to }) => to - from))
  return {
    note: [
      `${process} away for ${away === undefined ? 0 : ((away.to - away.from) / 1_000).toFixed(1)} s`,
      `sessions ${round.wishes.length} (${round.wishes.filter(({ stopped }) => stopped).length} stopped)`,
      `reads ${reads.length} (503: ${reads.filter(({ status }) => status === 503).length}, slowest ${slowest} ms)`,
      `wishes ${answers.length} (503: ${answers.filter(({ status }) => status === 503).length})`,
      `at rest after ${(restedMs / 1_000).toFixed(1)} s`,
    ].join(', '),
    breaches: [
      ...breaches,
      ...readBreaches(reads, downtimes('postgres')),
      ...(process === 'temporal' ? slowAnswers(answers, away) : []),
    ],
  }
}

/** The portal waits for a decision for a second; the rest is the api's, on a machine that has much else to do. */
const usualMs = 6_000

/** Without Temporal, what is asked is accepted as fast as ever. */
const slowAnswers = (answers: readonly Answer[], away: Downtime | undefined): string[] =>
  answers
    .filter(({ from, to }) => away !== undefined && from >= away.from && from < away.to && to - from > usualMs)
    .map(({ asked, session, from, to }) => `${asked} ${session ?? ''} was answered only after ${to - from} ms`)

/** Nothing that only uses what was away ends for it. */
const unaskedEnds = (site: ProofSite): string[] =>
  site.processes
    .filter(({ name }) => name === 'api' || name.startsWith('worker'))
    .flatMap(({ name, ownEnds }) => ownEnds.map((end) => `${name}: ${end}`))

/** Every fourth session of a round is one of the provider beside; a session's key says which. */
async function openPortal({ apiUrl, user, db }: ProofSite) {
  const templates = await db.selectFrom('template').select(['id', 'name']).execute()
  const idOf = (name: string) => templates.find((template) => template.name === name)?.id ?? ''
  const portal = createPortal({
    apiUrl,
    token: user.token,
    templateId: (key) => idOf(key.startsWith('beside') ? 'beside' : 'proof'),
  })
  let session = 0
  const named: Portal = { ...portal, key: () => `${session++ % 4 === 3 ? 'beside' : 'main'}-${portal.key()}` }
  return {
    portal: named,
    /** The next session is the first of its round. */
    begin: () => void (session = 0),
  }
}

interface Cuttable {
  readonly target: ProofTarget
  /** Null where nothing lies between the worker and the backend. */
  readonly way: Watched | null
  close(): Promise<void>
}

/** The same target, reached through something that can be cut. */
async function cut(target: ProofTarget, seen: () => boolean): Promise<Cuttable> {
  const { dockerHost = 'unix:///var/run/docker.sock' } = target.provider.settings as { readonly dockerHost?: string }
  if (target.provider.kind !== 'docker' || !dockerHost.startsWith('unix://'))
    return { target, way: null, close: async () => {} }
  const proxy = await openSocketProxy(dockerHost.slice('unix://'.length))
  const settings = { ...target.provider.settings, dockerHost: `unix://${proxy.path}` }
  return {
    target: { ...target, provider: { ...target.provider, settings } },
    way: watchedWay(way, (health) => proxy.setHealth(health), seen),
    close: async () => await proxy.close(),
  }
}
