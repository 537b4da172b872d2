import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withTimings } from '../../domain/timings.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createTemporalClient } from '../../platform/temporal/connection.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import { askedBeside, fakeProofBackend, openBackend } from '../proof/backend.ts'
import type { ProofBackend } from '../proof/backend.ts'
import { balanced } from '../proof/balance.ts'
import { createDesk } from '../proof/faults/desk.ts'
import type { Case } from '../proof/faults/desk.ts'
import { deadlyAnywhere, deadlyAtBackend } from '../proof/faults/faults.ts'
import type { Ground } from '../proof/faults/ground.ts'
import {
  cellsOf,
  fewerOf,
  knownActivities,
  leftOutOf,
  providerAskers,
  runCells,
  summaryOf,
  wordsOf,
} from '../proof/faults/matrix.ts'
import { hearing } from '../proof/hearing.ts'
import { serveRemote } from '../proof/faults/remote.ts'
import type { Remote } from '../proof/faults/remote.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { reachOf } from '../proof/faults/run-case.ts'
import type { Verdict } from '../proof/faults/run-case.ts'
import { createStand } from '../proof/faults/stand.ts'
import { proofLength, tell } from '../proof/length.ts'
import { toldTarget } from '../proof/told-target.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { addAccount } from '../setup/person.ts'
import { createSite } from '../setup/site.ts'
import type { Site } from '../setup/site.ts'
import { plainTemplate } from '../setup/template.ts'
import { ask, eventually, unscheduled } from './stage.ts'

const secret = randomBytes(32)
const timings = withTimings({
  ...quickTimings,
  ...unscheduled,
  // Held until all are where they are to be killed: nobody may give them up before.
  databaseTimeoutMs: 60_000,
  workflowTaskMs: 8_000,
  heartbeatMs: 6_000,
  observeRunMs: 1_000,
  cleanupOverdueMs: 1_000,
  dispatchEveryMs: 500,
  // Waiting is to have faults of its own.
  answerSoonMs: 0,
})
/** What the long proof names: then only what asks a provider is tried. In memory else. */
const target = toldTarget()
const { long, durationMs } = proofLength({ seed: 1, runs: 1, durationMs: 600_000 })
const desk = createDesk(reachOf(() => ground))
let backend: ProofBackend
let site: Site
let ground: Ground
let remote: Remote
let client: ReturnType<typeof createTemporalClient>
let reports: Awaited<ReturnType<typeof hearing>>

beforeAll(async () => {
  backend = target === null ? fakeProofBackend() : await openBackend(target)
  const stand = createStand(backend)
  remote = await serveRemote(desk, stand.provider, stand.access, 2 * backend.callMs + 30_000)
  const template = target === null ? { ...plainTemplate, doors: deskDoor } : backend.template
  const { providers, quotaDefaults } = fakeConfiguration(200)
  site = await createSite({
    configuration: {
      quotaDefaults,
      providers: providers.map((provider) => ({ ...provider, networks: backend.networks })),
      templates: [{ name: 'trivial', spec: template }],
    },
    timings,
    variables: {
      ...remote.variables,
      CARREL_KEYS: `k1:${secret.toString('base64')}`,
      CARREL_WORKER_ROLES: 'core,access,provider/*',
      // Its worker takes the gateway from the test instead.
      CARREL_GUACAMOLE_URL: 'http://gateway.invalid/',
      CARREL_GUACAMOLE_USERNAME: 'nobody',
      CARREL_GUACAMOLE_PASSWORD: 'nothing',
    },
  })
  reports = await hearing(site, { template, here: backend.here })
  const dataConverter = createDataConverter(createKeyring([{ id: 'k1', secret }]))
  client = createTemporalClient({ address: site.temporalAddress, namespace: site.namespace }, dataConverter)
  ground = stand.ground({ db: site.db, client, deploymentId: site.deploymentId })
}, 600_000)
afterAll(async () => {
  ground?.close()
  await site?.close()
  await remote?.close()
  await backend?.close(...(site === undefined ? [] : [site.deploymentId]))
  await client?.connection.close()
}, 600_000)

const worker = async () => await site.startWorker('test/setup/gated-worker.ts', reports)

test(
  'a worker that is killed in the midst of everything leaves all to the next one',
  async () => {
    // every session, in its own place:  ── activity ──✗
    // the next worker:                                  ── goes on ── ended, nothing is left
    const abilities = backend.abilities()
    const activities = target === null ? knownActivities : providerAskers(abilities)
    const every = cellsOf(activities, deadlyAnywhere, deadlyAtBackend, abilities)
    const all = long ? every : fewerOf(every, 1)
    const who = await addAccount(site.db, backend.posix)
    // A cloud that is far takes its time for as many sessions as begin at once.
    const heldMs = 80_000 + 8 * backend.callMs
    const run = { ground, desk, who, timings, boundMs: 200_000 + heldMs, stepMs: 5_000 + backend.callMs }
    let victim = await worker()
    const live = await ask(site.db, who)
    expect(await ground.until(live, ['ready'], 60_000 + 4 * backend.callMs)).not.toBeNull()
    const seen = await backend.leftovers(site.deploymentId, 0)
    expect(seen).not.toEqual([])

    const ending: Promise<Verdict[]>[] = []
    // A worker holds 40 tasks of workflows: those that are held must leave room for the others.
    for (const cells of thirds(all)) {
      const planned: Case[] = []
      const ended = runCells({ ...run, live, lanes: cells.length, planned: (one) => planned.push(one) }, cells)
      ending.push(ended)
      const held = eventually(
        'every activity is held where its worker is to be killed',
        () => planned.length === cells.length && planned.every((one) => one.isHeld()),
        heldMs,
      ).catch((error: unknown) => {
        const others = planned.filter((one) => !one.isHeld()).map((one) => `${one.activity} ${one.fault.name}`)
        throw new Error(`Not there: ${others.join('; ')}`, { cause: error })
      })
      // One that cannot even begin says why at once.
      await Promise.race([held, ended])
      planned.forEach((one) => one.killed())
      await victim.child.kill()
      victim = await worker()
    }
    const verdicts = (await Promise.all(ending)).flat()
    const words = wordsOf(verdicts)
    const what = `fault matrix, worker killed, ${backend.name}`
    const notes = [summaryOf(what, verdicts), askedBeside(seen), ...(target === null ? [] : leftOutOf(abilities))]
    tell({ cases: verdicts.length, breaches: words, notes })
    expect(words).toEqual([])
    await ground.stop(live)
    await ground.until(live, ['stopped'], 30_000 + backend.callMs)
    expect(await balanced(ground, { allEnded: true }, 30_000 + backend.callMs)).toEqual([])
    expect((await backend.leftovers(site.deploymentId)) ?? []).toEqual([])
  },
  durationMs,
)

const thirds = <T>(things: readonly T[]): readonly (readonly T[])[] =>
  [0, 1, 2].map((third) => things.filter((_, n) => n % 3 === third))
