import { balanced } from './balance.ts'
import { planLines, planRound } from './kill-plan.ts'
import type { RoundPlan } from './kill-plan.ts'
import { createPortal } from './kill-portal.ts'
import type { Portal } from './kill-portal.ts'
import { runRound } from './kill-round.ts'
import type { Living, RoundResult } from './kill-round.ts'
import type { Part, ProofOutcome, ProofRun } from './part.ts'
import { createProofSite } from './site.ts'
import type { ProofSite } from './site.ts'

const defaultRounds = 100
const settleWithinMs = 180_000

export const kill: Part = {
  name: 'kill',
  shows: 'whatever process is killed at whatever moment, nothing is lost, leaks, or ends unasked',
  run: async (run) => await killAnywhere(run),
}

/** Rounds of ten sessions amid kills, on an installation of the proof's own. After a breach, on a new one. */
export async function killAnywhere(run: ProofRun): Promise<ProofOutcome> {
  const rounds = run.rounds ?? defaultRounds
  const until = Date.now() + run.durationMs
  const isOver = () => tally.rounds >= rounds || Date.now() > until || run.signal.aborted
  const tally = new Tally()
  while (!isOver()) await onOneSite(run, tally, rounds, isOver)
  const { outlivesWorkers } = run.target
  const spared = outlivesWorkers ? [] : ['instances of a fake provider die with their worker: workers were not killed']
  return { cases: tally.rounds, breaches: tally.breaches, notes: [tally.text(), ...spared, ...tally.notes] }
}

async function onOneSite(run: ProofRun, tally: Tally, rounds: number, isOver: () => boolean): Promise<void> {
  const { target, seed, say, signal, temporalCli } = run
  // Two workers with a backend each in its own memory would not know of each other's instances.
  const workers = target.outlivesWorkers ? 2 : 1
  const logged = process.env['TEST_LOG']
  const onLine = logged === undefined ? undefined : (name: string, line: string) => say(`    [${name}] ${line}`)
  const site = await createProofSite({ target, temporalCli, workers, ...(onLine === undefined ? {} : { onLine }) })
  try {
    const processes = site.processes.map(({ name }) => name).filter((name) => mayBeKilled(name, target.outlivesWorkers))
    const portal = await openPortal(site)
    let living: Living = []
    while (!isOver()) {
      const plan = planRound({ seed, round: tally.rounds, processes, earlier: living.length })
      const result = await runRound({ site, portal, signal, settleWithinMs }, plan, living)
      tally.add(result)
      say(lineOf(tally.rounds, rounds, seed, result))
      if (result.breaches.length > 0) return sayBreaches(result, plan, say)
      living = result.living
    }
    const left = await endAll(site, portal, living)
    for (const breach of left) say(`  breach: ${breach}`)
    tally.breaches.push(...left)
  } finally {
    tally.notes.push(...ownEnds(site))
    await site.close()
  }
}

function sayBreaches({ breaches }: RoundResult, plan: RoundPlan, say: (line: string) => void): void {
  for (const breach of breaches) say(`  breach: ${breach}`)
  say(`  the plan of round ${plan.round + 1} with seed ${plan.seed} and ${plan.earlier} sessions of earlier rounds:`)
  for (const line of planLines(plan)) say(`    ${line}`)
}

const mayBeKilled = (name: string, outlivesWorkers: boolean) => outlivesWorkers || !name.startsWith('worker')

async function openPortal({ apiUrl, user, db }: ProofSite): Promise<Portal> {
  const { id } = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
  return createPortal({ apiUrl, token: user.token, templateId: id })
}

/** Ends what lives on. Then nothing at all may be left, here and at the backend. */
async function endAll(site: ProofSite, portal: Portal, living: Living): Promise<string[]> {
  await site.whole()
  await Promise.all(
    living.map(async ({ session, ids }) => {
      for (const id of ids) await portal.stop(session, id)
    }),
  )
  const breaches = await balanced(site, { allEnded: true }, settleWithinMs)
  return [...breaches, ...(await site.leftovers())]
}

const lineOf = (round: number, rounds: number, seed: number, r: RoundResult): string =>
  [
    `round ${round}/${rounds} seed ${seed}: kills ${r.kills.join(',') || 'none'}`,
    `sessions ${r.sessions} (${r.stopped} stopped, ${r.ready} ready)`,
    `answers lost ${r.lost}, 503 ${r.unavailable}`,
    `settled after ${(r.settledMs / 1_000).toFixed(1)} s`,
    `breaches ${r.breaches.length}`,
  ].join(', ')

/** What watched processes did unasked: no breach, for they are started again, but worth a look. */
function ownEnds(site: ProofSite): string[] {
  return site.processes
    .filter(({ ownEnds: ends }) => ends.length > 0)
    .map(
      ({ name, ownEnds: ends }) =>
        `${name} ended ${ends.length} times by itself or did not come up, last: ${ends.at(-1)}`,
    )
}

/** What the rounds came to. */
class Tally {
  rounds = 0
  readonly breaches: string[] = []
  readonly notes: string[] = []
  readonly #kills = new Map<string, number>()
  #sessions = 0

  add(result: RoundResult): void {
    this.rounds += 1
    this.#sessions += result.sessions
    for (const name of result.kills) this.#kills.set(name, (this.#kills.get(name) ?? 0) + 1)
    this.breaches.push(...result.breaches.map((breach) => `round ${this.rounds}: ${breach}`))
  }

  text(): string {
    const kills = [...this.#kills].map(([name, count]) => `${name} ${count}`).join(', ')
    const all = [...this.#kills.values()].reduce((sum, count) => sum + count, 0)
    return `${this.rounds} rounds, ${all} kills (${kills}), ${this.#sessions} sessions, ${this.breaches.length} breaches`
  }
}
