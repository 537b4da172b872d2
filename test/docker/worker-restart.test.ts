import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addAccount } from '../setup/person.ts'
import { ask, held, stateOf, stop, until } from '../temporal/stage.ts'
import { openConnection } from '../../ports/compute/docker/connection.ts'
import { createEgressGuard } from '../../ports/compute/docker/egress.ts'
import { egressRules } from '../../ports/compute/docker/egress-rules.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { call } from '../conformance/compute-harness.ts'
import { createSite } from '../setup/site.ts'
import type { Site } from '../setup/site.ts'
import { dockerSite, leftovers, socketPath } from './docker-harness.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-faults-'))
const sites: Site[] = []

beforeAll(async () => {
  await prepareDaemon()
}, 600_000)

/** What a daemon needs once, and takes its time for: the deadlines of this test are about killed workers. */
async function prepareDaemon(): Promise<void> {
  const settings = dockerSettings.parse({ dockerHost: `unix://${socketPath}` })
  const connection = openConnection(settings)
  await createEgressGuard(createEngine(connection.docker, 60_000), egressRules(settings)).ensure(call())
  connection.close()
}

afterAll(async () => {
  await Promise.all(sites.map(async (site) => await site.close()))
  rmSync(directory, { recursive: true, force: true })
})

type When = 'before' | 'during' | 'after'
let number = 0

/** Longer than any machine takes. */
const longMs = 120_000

/** A worker that is going to be killed in the middle of this step, and the way to know that it was. */
async function faulty(site: Site, activity: string, when: When) {
  const marker = join(directory, String((number += 1)))
  const fault = JSON.stringify({ activity, when, marker })
  const { child } = await site.startWorker('test/setup/faulty-worker.ts', { TEST_FAULT: fault })
  return async () => {
    await Promise.race([child.ended, delay(longMs, undefined, { ref: false })])
    expect(existsSync(marker), `the worker reached ${activity} and was killed ${when} it`).toBe(true)
  }
}

const containersOf = async ({ deploymentId }: Site) =>
  (await leftovers(deploymentId)).filter((left) => left.startsWith('container'))

// start:  worker 1 ──step──✗   worker 2 ── goes on ── ready: one container
// stop:   worker 2 ──step──✗   worker 3 ── goes on ── stopped: none (worker 3 is worker 1 of the next line)
type Line = readonly [string, When, string, When]
/** Each of these happens to an installation of its own, beside the others. */
const installations: readonly (readonly Line[])[] = [
  [
    ['look', 'before', 'beginStopping', 'after'],
    ['admit', 'after', 'removeInstance', 'before'],
    ['createInstance', 'before', 'removeInstance', 'during'],
  ],
  [
    ['createInstance', 'during', 'removeInstance', 'after'],
    ['createInstance', 'after', 'releaseReservation', 'after'],
  ],
  [
    ['awaitReady', 'during', 'end', 'before'],
    ['becomeReady', 'after', 'end', 'after'],
  ],
]

test('a worker killed in the middle of any step leaves one container, then none', async () => {
  await Promise.all(installations.map(killAlong))
}, 600_000)

async function killAlong(lines: readonly Line[]): Promise<void> {
  // Waiting is a step of its own only where the create does not wait.
  const waits = lines.some(([step]) => step === 'awaitReady')
  const site = await createSite(dockerSite(waits ? { answerSoonMs: 0 } : {}))
  sites.push(site)
  const { db } = site
  const who = await addAccount(db)
  const starting = lines.map(
    ([step, when]) =>
      async () =>
        await faulty(site, step, when),
  )
  const healthy = async () => void (await site.startWorker())
  let first = (await starting.shift()?.()) ?? undefined
  for (const [, , stopStep, stopWhen] of lines) {
    const id = await ask(db, who)
    await first?.()
    const second = await faulty(site, stopStep, stopWhen)
    await until(db, id, ['ready'], longMs)
    expect(await containersOf(site)).toHaveLength(1)
    await stop(db, id)
    await second()
    // The last line is finished by a worker that nothing happens to.
    first = (await (starting.shift() ?? healthy)()) ?? undefined
    await until(db, id, ['stopped'], longMs)
    expect((await stateOf(db, id)).reason).toBe('user')
    expect(await leftovers(site.deploymentId)).toEqual([])
    expect(await held(db, id)).toBe(0)
  }
}
