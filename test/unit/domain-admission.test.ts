import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admit, payerKinds } from '../../domain/admission.ts'
import type { Books } from '../../domain/admission.ts'
import {
  add,
  exceeding,
  nothing,
  remaining,
  resourceNames,
  sum,
  unlimited,
  withDefaults,
} from '../../domain/resources.ts'
import type { Limits, Resources } from '../../domain/resources.ts'

const amount = fc.integer({ min: 0, max: 12 })
const resources: fc.Arbitrary<Resources> = fc.record({
  sessions: amount,
  cpuMilli: amount,
  memoryMib: amount,
  diskMib: amount,
  gpus: amount,
})
const limit = fc.option(fc.integer({ min: 0, max: 20 }), { nil: null })
const limits: fc.Arbitrary<Limits> = fc.record({
  sessions: limit,
  cpuMilli: limit,
  memoryMib: limit,
  diskMib: limit,
  gpus: limit,
})
const books: fc.Arbitrary<Books[]> = fc
  .tuple(...payerKinds.map(() => fc.record({ limits, held: resources })))
  .map((all) => all.map((b, i) => ({ ...b, payer: { kind: payerKinds[i] ?? 'account', id: `payer${i}` } })))

const fits = (of: Limits, held: Resources) => resourceNames.every((r) => of[r] === null || held[r] <= of[r])

describe('admission', () => {
  test('whoever is admitted fits beside what every payer holds, and whoever fits is admitted', () => {
    fc.assert(
      fc.property(books, resources, (all, ask) => {
        const fitting = all.every((b) => fits(b.limits, add(b.held, ask)))
        expect(admit(all, ask).kind).toBe(fitting ? 'admitted' : 'refused')
      }),
    )
  })

  test('no row of requests, with gifts back between them, ever brings a payer above a limit', () => {
    const steps = fc.array(fc.record({ ask: resources, giveBack: fc.boolean() }), { maxLength: 40 })
    fc.assert(
      fc.property(fc.array(limits, { minLength: 3, maxLength: 3 }), steps, (limitsOf, requests) => {
        const held: Resources[] = []
        for (const { ask, giveBack } of requests) {
          if (giveBack) held.shift()
          const all = limitsOf.map((l, i): Books => ({
            payer: { kind: payerKinds[i] ?? 'account', id: `payer${i}` },
            limits: l,
            held: sum(held),
          }))
          if (admit(all, ask).kind === 'admitted') held.push(ask)
          expect(held.length === 0 || limitsOf.every((l) => fits(l, sum(held)))).toBe(true)
        }
      }),
    )
  })

  test('`exceeds_limit` is said exactly when the request would not fit with nothing held', () => {
    fc.assert(
      fc.property(books, resources, (all, ask) => {
        const alone = admit(
          all.map((b) => ({ ...b, held: nothing })),
          ask,
        )
        const decision = admit(all, ask)
        const never = decision.kind === 'refused' && decision.code === 'exceeds_limit'
        expect(never).toBe(alone.kind === 'refused')
      }),
    )
  })

  test('a refusal names every payer and resource that stands in the way, with true numbers, and no other', () => {
    fc.assert(
      fc.property(books, resources, (all, ask) => {
        const decision = admit(all, ask)
        if (decision.kind === 'admitted') return
        const beside = decision.code === 'quota_exceeded'
        const expected = all.flatMap((b) =>
          exceeding(b.limits, beside ? add(b.held, ask) : ask).map((resource) => ({
            payer: b.payer,
            resource,
            limit: b.limits[resource],
            used: b.held[resource],
            requested: ask[resource],
          })),
        )
        expect(expected.length).toBeGreaterThan(0)
        expect(decision.violations).toEqual(expected)
      }),
    )
  })

  test('the request itself counts: the last place is given, the next one is not', () => {
    const one: Resources = { ...nothing, sessions: 1 }
    const at = (held: number): Books[] => [
      { payer: { kind: 'account', id: 'a' }, limits: { ...unlimited, sessions: 5 }, held: { ...one, sessions: held } },
    ]
    expect(admit(at(4), one)).toEqual({ kind: 'admitted' })
    expect(admit(at(5), one)).toMatchObject({ kind: 'refused', code: 'quota_exceeded' })
    expect(admit(at(0), { ...one, sessions: 6 })).toMatchObject({ kind: 'refused', code: 'exceeds_limit' })
  })
})

describe('limits', () => {
  test('a limit that is set wins over the default, zero too; one that is not set is the default', () => {
    fc.assert(
      fc.property(limits, limits, (set, defaults) => {
        const effective = withDefaults(set, defaults)
        for (const r of resourceNames) expect(effective[r]).toBe(set[r] === null ? defaults[r] : set[r])
      }),
    )
  })

  test('what remains, and no more, is admitted; nothing remains below zero', () => {
    fc.assert(
      fc.property(limits, resources, (l, held) => {
        const left = remaining(l, held)
        for (const r of resourceNames) {
          expect(left[r] === null).toBe(l[r] === null)
          expect(left[r] ?? 0).toBeGreaterThanOrEqual(0)
        }
        const all: Books[] = [{ payer: { kind: 'account', id: 'a' }, limits: l, held }]
        const rest = { ...nothing, ...Object.fromEntries(resourceNames.map((r) => [r, left[r] ?? 0])) }
        if (fits(l, held)) expect(admit(all, rest)).toEqual({ kind: 'admitted' })
        for (const r of resourceNames)
          if (left[r] !== null) expect(admit(all, { ...rest, [r]: left[r] + 1 }).kind).toBe('refused')
      }),
    )
  })

  test('sums do not depend on order, and nothing is nothing', () => {
    fc.assert(
      fc.property(fc.array(resources), (all) => {
        expect(sum(all.toReversed())).toEqual(sum(all))
        expect(sum([...all, nothing])).toEqual(sum(all))
      }),
    )
  })
})
