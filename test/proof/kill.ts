import { setTimeout as delay } from 'node:timers/promises'
import { balanced } from './balance.ts'
import { follow } from './kill-follower.ts'
import { planRound } from './kill-plan.ts'
import { createPortal } from './kill-portal.ts'
import type { Portal } from './kill-portal.ts'
import { breachesAtRest, restless, restWithinMs, strangers } from './kill-rest.ts'
import { livingOf, runRound } from './kill-round.ts'
import type { Round, RoundDeps, Wish } from './kill-round.ts'
import { KillTally } from './kill-tally.ts'
import type { Verdict } from './kill-tally.ts'
import { answerBreaches, endBreaches } from './kill-verdict.ts'
import { missing } from './length.ts'
import type { Part, ProofOutcome, ProofRun } from './part.ts'
import { patiently } from './patience.ts'
import { createProofSite } from './site.ts'
import type { ProofSite } from './site.ts'
import { nameOf } from './target.ts'

const defaultRounds = 100
/** The next round begins while a few sessions are still on their way: they are killed at, too. */
const mayBeRestless = 4

export const kill: Part = {
  name: 'kill',
  shows: 'whatever process is killed at whatever moment, nothing is lost, leaks, or ends unasked',
  on: nameOf,
  run: async (run) => await killAnywhere(run),
}

/** Rounds of ten sessions amid kills, on an installation of the proof's own. After a breach, on a new one. */
export async function killAnywhere(run: ProofRun): Promise<ProofOutcome> {
  const rounds = run.rounds ?? defaultRounds
  const until = Date.now() + run.durationMs
  const tally = new KillTally(rounds, run.seed, run.say)
  while (!tally.isFull() && Date.now() < until && !run.signal.aborted) await onOneSite(run, tally, until)
  const spared = run.target.outlivesWorkers
    ? []
    : ['instances of a fake provider die with their worker: workers were not killed']
  const missed = run.rounds === undefined ? null : missing(tally.judged, rounds, 'rounds')
  return { cases: tally.judged, breaches: tally.breaches, missed, notes: [tally.text(), ...spared, ...tally.notes] }
}

async function onOneSite(run: ProofRun, tally: KillTally, until: number): Promise<void> {
  const { target, seed, signal, temporalCli } = run
  // Two workers with a backend each in its own memory would not know of each other's instances.
  const workers = target.outlivesWorkers ? 2 : 1
  const onLine =
    process.env['TEST_LOG'] === undefined ? undefined : (name: string, line: string) => run.say(`  [${name}] ${line}`)
  const { workflowBundle } = run
  const site = await createProofSite({ target, temporalCli, workers, workflowBundle, onLine })
  const deps: RoundDeps = { site, portal: await openPortal(site), signal }
  const follower = follow(deps.portal)
  try {
    const processes = site.processes.map(({ name }) => name).filter((name) => mayBeKilled(name, target.outlivesWorkers))
    const all: Wish[] = []
    let living: readonly Wish[] = []
    let judging = Promise.resolve()
    let clean = true
    while (clean && !tally.isFull() && Date.now() < until && !signal.aborted) {
      const plan = planRound({ seed, round: tally.begin(), processes, earlier: living.length })
      const round = await runRound(deps, plan, living)
      all.push(...round.wishes.slice(living.length))
      living = livingOf(round.wishes)
      judging = judging.then(async () => {
        const began = Date.now()
        const verdict = await judge(deps, round)
        clean &&= verdict.breaches.length === 0
        tally.add(round, verdict, Date.now() - began)
      })
      // Whoever waits for it below is told.
      judging.catch(() => {})
      await site.whole()
      while (clean && (await restless(site, all)).length > mayBeRestless) await delay(200)
    }
    await judging
    const left = clean ? await endAll(deps, all) : []
    const followed = await follower.close(await linesOf(site), restWithinMs)
    if (clean) tally.addEnd([...left, ...followed])
  } finally {
    tally.noteEnds(site.processes)
    await follower.stop()
    await site.close()
  }
}

/** How many lines of history each session has. */
async function linesOf({ db }: ProofSite): Promise<Map<string, number>> {
  const rows = await patiently(async () => await db.selectFrom('session').select(['id', 'event_seq']).execute())
  return new Map(rows.map(({ id, event_seq: lines }) => [id, lines]))
}

const mayBeKilled = (name: string, outlivesWorkers: boolean) => outlivesWorkers || !name.startsWith('worker')

async function openPortal({ apiUrl, user, db }: ProofSite): Promise<Portal> {
  const { id } = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
  return createPortal({ apiUrl, token: user.token, templateId: id })
}

/**
 * What a round left, once all is at rest, with every answer that came since the last judgement. Another round may run
 * meanwhile.
 */
export async function judge(deps: RoundDeps, { wishes }: Round): Promise<Verdict> {
  const { site, portal } = deps
  const atRest = await breachesAtRest(deps, wishes)
  const answers = portal.answers.splice(0)
  const downtimes = (name: string) => site.processes.find((p) => p.name === name)?.downtimes ?? []
  const told = answerBreaches(answers, downtimes('api'), downtimes('postgres'), wishes)
  return { answers, breaches: [...told, ...portal.givenUp.splice(0), ...atRest] }
}

/** Ends what lives on of all that was ever asked for. Then nothing at all may be left, here and at the backend. */
export async function endAll({ site, portal }: RoundDeps, all: readonly Wish[]): Promise<string[]> {
  await site.whole()
  await Promise.all(
    livingOf(all).map(async ({ name, ids }) => {
      for (const id of ids) await portal.stop(name, id)
    }),
  )
  const breaches = await patiently(async () => await balanced(site, { allEnded: true }, restWithinMs))
  const ends = site.processes.flatMap(({ name, ownEnds }) => endBreaches(name, ownEnds))
  return [...breaches, ...(await strangers(site, all)), ...(await site.leftovers()), ...ends]
}
