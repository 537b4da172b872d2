import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyListing } from '../../domain/catalogue.ts'
import type { CatalogueListing, ListGap } from '../../domain/catalogue.ts'
import { usualPosixRule } from '../../domain/posix.ts'
import type { Catalogue, CatalogueAsk, CatalogueRules } from '../../ports/identity/catalogue/catalogue.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import type { Sketch } from '../support/catalogue/sketch.ts'

/** A driver with a peer that says what it is told to. */
export interface CatalogueHarness {
  readonly catalogue: Catalogue
  says(sketches: readonly Sketch[]): void | Promise<void>
  /** One of its records is not what was agreed; the others are those of the sketches. */
  spoils(sketches: readonly Sketch[]): void | Promise<void>
  /** What it says is cut off in the middle, where one can tell. */
  cutOff?(sketches: readonly Sketch[]): Promise<void> | void
  /** Between the driver and its peer, where they speak over HTTP. */
  readonly proxy?: FaultProxy
  /** The same with a short time, for what is never answered. */
  readonly hasty?: Catalogue
  close(): Promise<void>
}

export const rules: CatalogueRules = { roots: ['/data'], posix: usualPosixRule }

const sketch = (place: number, logins: readonly string[] = ['ada']): Sketch => ({
  project: `P${String(place).padStart(4, '0')}`,
  title: `Proposal ${place}`,
  experiments: [
    { id: `${place}1`, instrument: 'ID01', starts: '2026-03-28', ends: '2026-03-30' },
    { id: `${place}2`, instrument: 'ID01', starts: '2026-05-01', ends: '2026-05-01' },
  ],
  members: logins.map((login, at) => ({ login, role: at === 0 ? 'owner' : 'editor' })),
})

export function describeCatalogue(name: string, open: () => Promise<CatalogueHarness>): void {
  describe(`the catalogue ${name}`, () => {
    let harness: CatalogueHarness
    beforeAll(async () => {
      harness = await open()
    })
    afterAll(async () => await harness.close())

    const never = Number.POSITIVE_INFINITY
    const ask = async (
      signal = new AbortController().signal,
      { list, extent } = harness.catalogue,
      over: Partial<CatalogueAsk> = {},
    ) => await list({ login: extent === 'person' ? 'ada' : null, from: null, until: never, ...over }, rules, signal)
    const listed = async (): Promise<CatalogueListing> => {
      const answer = await ask()
      if (answer.kind !== 'listed') throw new Error(answer.why)
      expect(answer.next).toBeNull()
      return answer.listing
    }

    test('says who belongs to what, and when that is', async () => {
      await harness.says([sketch(1, ['ada', 'max']), sketch(2)])
      const { projects, faults, unreadable } = await listed()
      expect([faults, unreadable]).toEqual([[], 0])
      expect(projects.map(({ externalId, partial }) => [externalId, partial])).toEqual([
        ['P0001', false],
        ['P0002', false],
      ])
      const [first] = projects
      expect(first?.name).toBe('Proposal 1')
      expect(first?.members.map(({ login }) => login)).toContain('ada')
      expect(first?.experiments.map((e) => [e.instrument, e.starts?.slice(0, 10), e.ends?.slice(0, 10)])).toEqual([
        ['ID01', '2026-03-28', '2026-03-30'],
        ['ID01', '2026-05-01', '2026-05-01'],
      ])
      // Names of the source's own, and each thing has another.
      const ids = projects.flatMap(({ experiments }) => experiments.map(({ externalId }) => externalId))
      expect(new Set(ids).size).toBe(4)
    })

    test('says the same when it is asked again', async () => {
      await harness.says([sketch(1), sketch(2)])
      expect(await listed()).toEqual(await listed())
    })

    test('says all of many, page by page', async () => {
      const many = Array.from({ length: 53 }, (_, place) => sketch(place))
      await harness.says(many)
      const { projects } = await listed()
      expect(projects.map(({ externalId }) => externalId).sort()).toEqual(many.map(({ project }) => project).sort())
    })

    test('says the same in as many parts as there is time for', async () => {
      const many = Array.from({ length: 3 }, (_, place) => sketch(place))
      await harness.says(many)
      const whole = await listed()
      const parts: CatalogueListing[] = []
      for (let from: string | null | undefined; from !== null;) {
        const answer = await ask(undefined, undefined, { from: from ?? null, until: 0 })
        if (answer.kind !== 'listed') throw new Error(answer.why)
        parts.push(answer.listing)
        from = answer.next
      }
      const experiments = (all: readonly CatalogueListing[]) =>
        all.flatMap(({ projects }) => projects.flatMap((p) => p.experiments.map((e) => e.externalId))).sort()
      expect(experiments(parts)).toEqual(experiments([whole]))
    })

    test('says nothing of nobody', async () => {
      await harness.says([sketch(1, ['ada'])])
      await harness.says(harness.catalogue.extent === 'person' ? [sketch(1, ['max'])] : [])
      const { extent } = harness.catalogue
      const answer = await ask(undefined, undefined, { login: extent === 'person' ? 'nobody' : null })
      expect(answer).toEqual({ kind: 'listed', listing: emptyListing, next: null })
    })

    test('names a bad record, and keeps the rest', async () => {
      await harness.spoils([sketch(1), sketch(2)])
      const { projects, faults, unreadable } = await listed()
      expect(faults.length).toBeGreaterThan(0)
      // Either it is not even known which it is, or nothing of that project is withdrawn.
      expect(unreadable > 0 || projects.some(({ partial }) => partial)).toBe(true)
      expect(projects.map(({ externalId }) => externalId)).toEqual(expect.arrayContaining(['P0001', 'P0002']))
    })

    test('that is cut off says nothing at all', async () => {
      if (harness.cutOff === undefined) return expect(harness.proxy).toBeUndefined()
      await harness.cutOff([sketch(1), sketch(2)])
      expect(await ask()).toMatchObject({ kind: 'gap', gap: 'away' })
    })

    test('that is not reached, hangs, or answers otherwise says nothing, and does so again when it is back', async () => {
      const { proxy } = harness
      if (proxy === undefined) return expect(harness.cutOff).toBeDefined()
      await harness.says([sketch(1)])
      const refusals = harness.catalogue.extent === 'person' ? 'refused' : 'away'
      const faults: Readonly<Record<string, readonly [() => Promise<void>, ListGap]>> = {
        refuses: [async () => await proxy.refuse(), 'away'],
        hangs: [async () => await proxy.hang(), 'away'],
        'is down': [async () => await proxy.answer(503, {}, '{}'), 'away'],
        'lets nobody in': [async () => await proxy.answer(401, {}, '{}'), 'denied'],
        'is asked too much': [async () => await proxy.answer(429, {}, '{}'), 'away'],
        'does not know this': [async () => await proxy.answer(404, {}, '{}'), refusals],
        'leads elsewhere': [async () => await proxy.answer(302, { location: 'http://127.0.0.1:1/' }, ''), 'away'],
        'says no JSON': [async () => await proxy.garbage('text'), 'away'],
        'says another JSON': [async () => await proxy.answer(200, {}, '{"results": {}}'), 'away'],
      }
      for (const [fault, [begin, gap]] of Object.entries(faults)) {
        await begin()
        const answer = await ask(new AbortController().signal, fault === 'hangs' ? harness.hasty : undefined)
        expect([fault, answer]).toMatchObject([fault, { kind: 'gap', gap }])
        // Nothing of what was answered, nor of a library's words.
        if (answer.kind === 'gap') expect(answer.why).toMatch(/^It[s ]/)
      }
      await proxy.pass()
      expect((await listed()).projects).toHaveLength(1)
    })

    test('is not waited for by whoever gave up', async () => {
      const ended = AbortSignal.abort(new Error('It ends.'))
      await expect(ask(ended)).rejects.toThrow('It ends.')
    })
  })
}
