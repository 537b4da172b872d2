import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import type { HttpFaults } from './compute-facets.ts'
import { duringFault, faultsOf, knowsNothing, wellAgain } from './compute-faults.ts'
import {
  call,
  createPatiently,
  eventually,
  freshKey,
  held,
  listed,
  made,
  refOf,
  removed,
  running,
} from './compute-harness.ts'
import type { Harness, InstanceKey } from './compute-harness.ts'

/** A backend that asks to be left alone so long. */
const retrySeconds = 7
/** More requests that change something are not made by one create. */
const mostWrites = 30

/** What may come back over HTTP instead of an answer. */
export function httpCases(h: Harness, deployment: string): void {
  const faults = () => faultsOf(h)
  const http = (): HttpFaults => {
    const present = faults().http
    if (present === undefined) throw new Error('the harness promised faults of HTTP')
    return present
  }
  const present = async () => {
    const key = freshKey(deployment)
    await createPatiently(h().provider, h().specs.server(key))
    await running(h, key)
    return key
  }

  describe('instead of an answer', () => {
    let key: InstanceKey
    beforeAll(async () => {
      key = await present()
    })
    afterAll(async () => await wellAgain(h, key))
    const nothingIsKnown = async (begin: () => Promise<void>) => {
      let retryAfterMs: number | null = null
      await duringFault(faults(), begin, async () => {
        retryAfterMs = (await knowsNothing(h(), faults().provider, key)).retryAfterMs
      })
      await stillThere()
      return retryAfterMs ?? 0
    }
    const stillThere = async () => expect((await faults().provider.inspect(refOf(key), call())).kind).toBe('running')

    for (const status of [500, 503, 429])
      test(`${status}: nothing is believed, and the backend is left alone for as long as it asks`, async () => {
        await nothingIsKnown(() => http().answer(status))
        const seconds = { 'retry-after': `${retrySeconds}` }
        expect(await nothingIsKnown(() => http().answer(status, seconds))).toBe(retrySeconds * 1_000)
        const date = { 'retry-after': new Date(Date.now() + 60_000 + retrySeconds * 1_000).toUTCString() }
        expect(await nothingIsKnown(() => http().answer(status, date))).toBeGreaterThan(retrySeconds * 1_000)
      }, 120_000)

    test('401, no credentials are taken: nothing is believed', async () => {
      await nothingIsKnown(() => http().answer(401))
    }, 120_000)

    test('403, everything is forbidden: nothing is believed to be gone', async () => {
      const { provider } = faults()
      await duringFault(
        faults(),
        () => http().answer(403),
        async () => {
          expect((await provider.inspect(refOf(key), call())).kind).toBe('unknown')
          expect((await provider.remove(refOf(key), call())).kind).toBe('unknown')
          await expect(listed(provider, deployment)).rejects.toThrow(ProviderUnreachable)
          const created = await provider.create(h().specs.server(freshKey(deployment)), call())
          expect(created.kind).toMatch(/^(unavailable|refused)$/)
        },
      )
      await stillThere()
    }, 120_000)

    for (const [garbage, what] of [
      ['text', 'a page for people'],
      ['shape', 'JSON of another kind'],
      ['wire', 'no HTTP'],
    ] as const)
      test(`${what}: nothing is believed`, async () => {
        await nothingIsKnown(() => http().garbage(garbage))
      }, 120_000)
  })

  test('an answer that breaks off in the middle: nothing is believed, and no list is shorter than the truth', async () => {
    const key = await present()
    await duringFault(
      faults(),
      () => http().garbage('half'),
      async () => {
        const { provider } = faults()
        expect((await provider.inspect(refOf(key), call())).kind).toBe('unknown')
        await expect(listed(provider, deployment)).rejects.toThrow(ProviderUnreachable)
        const created = await provider.create(h().specs.server(freshKey(deployment)), call())
        expect(created.kind).toBe('unavailable')
      },
    )
    await wellAgain(h, key)
  }, 120_000)

  /** A create of which the answer to one write is lost; whether it had so many. */
  async function createLosing(key: InstanceKey, number: number): Promise<boolean> {
    let happened = false
    await duringFault(
      faults(),
      () => undefined,
      async () => {
        const lost = http().loseWrite(number)
        await faults().provider.create(h().specs.server(key), call())
        happened = lost.happened()
      },
    )
    return happened
  }

  test('whichever answer of a create is lost, the next create ends with the one whole instance', async () => {
    // first create:  write ─ write ─ (answer lost)          second create: ─ finds what is there ─ goes on
    let number = 0
    for (; number < mostWrites; number++) {
      const key = freshKey(deployment)
      const happened = await createLosing(key, number)
      expect(made(await createPatiently(h().provider, h().specs.server(key)))).toBe(true)
      expect(await held(h, deployment)).toHaveLength(1)
      await running(h, key)
      await removed(h, key)
      expect(await h().leftovers(deployment)).toEqual([])
      if (!happened) break
    }
    expect(number).toBeGreaterThan(0)
    expect(number).toBeLessThan(mostWrites)
  }, 600_000)

  test('whichever answer of a create is lost, a removal clears what it left', async () => {
    let number = 0
    for (; number < mostWrites; number++) {
      const key = freshKey(deployment)
      const happened = await createLosing(key, number)
      await removed(h, key)
      expect(await h().leftovers(deployment)).toEqual([])
      if (!happened) break
    }
    expect(number).toBeGreaterThan(0)
  }, 600_000)

  test('a removal whose answer is lost is done by the next', async () => {
    const key = await present()
    await duringFault(
      faults(),
      () => http().loseNextRemoval(),
      async () => {
        expect((await faults().provider.remove(refOf(key), call())).kind).toMatch(/^(unknown|removed)$/)
      },
    )
    await removed(h, key)
    const left = () => h().leftovers(deployment)
    expect(await eventually(left, (all) => all.length === 0, 30_000)).toEqual([])
  }, 120_000)
}
