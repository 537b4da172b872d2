import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { median } from '../bench/figures.ts'
import { timed } from '../bench/rounds.ts'
import { plainTemplate } from '../setup/template.ts'
import type { RealBackend } from './backend.ts'
import { askRest, becomesReady, nothingLeft, wish } from './sessions.ts'
import { rawWork } from './same-work.ts'
import { besideName, createStandSite } from './site.ts'
import type { StandSite } from './site.ts'

export interface Outage {
  /** Sessions in each phase when it begins. */
  readonly perPhase: number
  readonly forMs: number
  /** Starts on the other provider, before and meanwhile. */
  readonly starts: number
  /** Whether it is held to its times: only on a machine that does nothing else. */
  readonly isStrict: boolean
}

export const shortOutage: Outage = { perPhase: 2, forMs: 15_000, starts: 5, isStrict: false }
export const longOutage: Outage = { perPhase: 10, forMs: 60_000, starts: 20, isStrict: true }

/** What became of the other provider's starts, ms. */
export interface OutageFigures {
  readonly startBeforeMs: number
  readonly startMeanwhileMs: number
  readonly allRightAfterMs: number
  /** How long the backend alone takes for what was left to do then; `null`: not measured. */
  readonly sameWorkMs: number | null
}

/** Once it is back, everything must be as it should within this; on a machine that has much else to do it is told how long it took. */
const rightWithinMs = 60_000
const patientMs = 600_000
/** So many times as long, at most, may a start on the other provider take meanwhile. */
const mostSlower = 1.2

const beside = {
  provider: {
    id: 'beside',
    kind: 'fake',
    startLimit: 5,
    networks: ['127.0.0.0/8'],
    classes: [],
    settings: { endpoint: 'serve', startMs: 200 },
  } as const,
  template: plainTemplate,
}

/**
 * The backend stops answering, as a process that is stopped, with sessions in every phase, and goes on after a while. Nobody's
 * session changes wrongly meanwhile, another provider's starts go on, and all is right soon after.
 */
export async function outage(backend: RealBackend, how: Outage = shortOutage): Promise<OutageFigures> {
  const reached = await backend.viaProxies?.()
  if (reached === undefined) throw new Error(`nothing stands between ${backend.name} and its driver that could hang`)
  const { provider, proxies } = reached
  const each = async (deed: (proxy: (typeof proxies)[number]) => Promise<void>) => await Promise.all(proxies.map(deed))
  const sameWorkMs =
    how.isStrict && backend.raw !== undefined ? await rawWork(backend.raw, how.perPhase, backend.pauses === true) : null
  const stand = await createStandSite(backend, { provider, beside, startLimit: how.perPhase })
  try {
    const sessions = await inEveryPhase(stand, backend, how)
    const startBeforeMs = await startsBeside(stand, how.starts)
    await sessions.begin()
    await each((proxy) => proxy.freeze())
    const from = performance.now()
    await sessions.end()
    const startMeanwhileMs = await startsBeside(stand, how.starts)
    while (performance.now() - from < how.forMs) {
      sessions.hold(await stand.portal.states())
      await delay(500)
    }
    sessions.hold(await stand.portal.states())
    const back = performance.now()
    await each((proxy) => proxy.pass())
    await expect
      .poll(async () => sessions.wrong(await stand.portal.states()), { timeout: patientMs, interval: 500 })
      .toEqual([])
    const allRightAfterMs = performance.now() - back
    await endAll(stand)
    await nothingLeft(stand, backend)
    return { startBeforeMs, startMeanwhileMs, allRightAfterMs, sameWorkMs }
  } finally {
    await each((proxy) => proxy.close())
    await stand.close()
  }
}

/** Sessions of one phase: what each may be while nothing is answered, and what it is to be in the end. */
interface Phase {
  readonly ids: SessionId[]
  readonly during: readonly string[]
  readonly after: string
}

/**
 * Sessions that are ready and stay so, that are being ended, that start, and that wait for a place; and where the backend can pause,
 * that rest, that are on their way to it, and on their way back.
 */
async function inEveryPhase(stand: StandSite, backend: RealBackend, { perPhase }: Outage) {
  const some = async () => await Promise.all(Array.from({ length: perPhase }, () => wish(stand, backend)))
  const none = async (): Promise<SessionId[]> => await Promise.resolve([])
  const pausable = backend.pauses === true ? some : none
  const staying: Phase = { ids: await some(), during: ['ready'], after: 'ready' }
  // A removal, or a rest, that nobody confirmed is not done.
  const ending: Phase = { ids: await some(), during: ['ready', 'stopping'], after: 'stopped' }
  const goingToRest: Phase = { ids: await pausable(), during: ['ready', 'pausing'], after: 'paused' }
  const resting: Phase = { ids: await pausable(), during: ['paused'], after: 'paused' }
  const waking: Phase = { ids: await pausable(), during: ['paused', 'queued', 'resuming'], after: 'ready' }
  const starting: Phase = { ids: [], during: ['requested', 'queued', 'provisioning', 'ready'], after: 'ready' }
  const phases = [staying, ending, goingToRest, resting, waking, starting]
  for (const id of phases.flatMap(({ ids }) => ids)) await becomesReady(stand, id)
  const rested = [...resting.ids, ...waking.ids]
  for (const id of rested) await askRest(stand, id, 'pause')
  const notYet = async () => {
    const states = await stand.portal.states()
    return rested.filter((id) => states.get(id) !== 'paused')
  }
  await expect.poll(notYet, { timeout: 600_000, interval: 500 }).toEqual([])
  return {
    /** As many as may start at once, and as many again, which wait. */
    async begin() {
      starting.ids.push(...(await some()), ...(await some()))
    },
    async end() {
      for (const id of ending.ids) await stand.portal.remove(id)
      for (const id of goingToRest.ids) await askRest(stand, id, 'pause')
      for (const id of waking.ids) await askRest(stand, id, 'resume')
    },
    /** Fails where a session became what nobody can know it to be while the backend says nothing. */
    hold(states: ReadonlyMap<string, string>) {
      for (const { ids, during, after } of phases) {
        const others = ids.map((id) => `${states.get(id)}`).filter((state) => !during.includes(state))
        expect(others, `of what is to be ${after}`).toEqual([])
      }
    },
    /** Which sessions are not yet what they should be once it answers again. */
    wrong: (states: ReadonlyMap<string, string>) =>
      phases.flatMap(({ ids, after }) =>
        ids.filter((id) => states.get(id) !== after).map((id) => `${id} is ${states.get(id)}, not ${after}`),
      ),
  }
}

/** How long sessions of the other provider take to be ready, one after the other: the median, ms. */
async function startsBeside({ portal }: StandSite, count: number): Promise<number> {
  const templateId = await portal.templateId(besideName)
  const took: number[] = []
  for (let n = 0; n < count; n++) {
    let id = ''
    const ms = await timed(async () => {
      id = await portal.create(templateId)
      expect(await portal.until(id, ['ready'])).toBe('ready')
    })
    took.push(ms)
    await portal.remove(id)
  }
  return median(took)
}

/** What the long form promises of its times. */
export function holdTimes({ startBeforeMs, startMeanwhileMs, allRightAfterMs }: OutageFigures): void {
  expect(startMeanwhileMs).toBeLessThan(startBeforeMs * mostSlower)
  expect(allRightAfterMs).toBeLessThan(rightWithinMs)
}

async function endAll({ portal }: StandSite): Promise<void> {
  const over = new Set(['stopped', 'failed', 'rejected'])
  for (const [id, state] of await portal.states()) if (!over.has(state)) await portal.remove(id)
  const living = async () => [...(await portal.states()).values()].filter((state) => !over.has(state))
  await expect.poll(living, { timeout: patientMs, interval: 500 }).toEqual([])
}
