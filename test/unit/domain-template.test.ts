import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVisible, resolveParameters } from '../../domain/template.ts'
import type { ParameterSpec, ParameterValue, Visibility } from '../../domain/template.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/)
const value: fc.Arbitrary<ParameterValue> = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean())
const number = fc.integer({ min: -5, max: 5 })
const spec: fc.Arbitrary<ParameterSpec> = fc.oneof(
  fc.record({ type: fc.constant('boolean' as const), default: fc.boolean() }, { requiredKeys: ['type'] }),
  fc.record(
    {
      type: fc.constant('string' as const),
      default: fc.string({ maxLength: 4 }),
      maxLength: fc.integer({ min: 0, max: 6 }),
      enum: fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    { type: fc.constantFrom('integer' as const, 'number' as const), default: number, min: number, max: number },
    { requiredKeys: ['type'] },
  ),
)
const specs = fc.dictionary(name, spec, { maxKeys: 5, noNullPrototype: true })
const asked = fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true })

const declaring = (declared: string): Record<string, ParameterSpec> => ({ [declared]: { type: 'boolean' } })

describe('parameters', () => {
  test('each is resolved or a fault, never both; what is asked wins, the default fills in, unknown names are refused', () => {
    fc.assert(
      fc.property(specs, asked, (declared, given) => {
        const { values, faults } = resolveParameters(declared, given)
        const faulty = faults.map((f) => f.name)
        expect([...Object.keys(values), ...faulty].sort()).toEqual(
          [...new Set([...Object.keys(declared), ...Object.keys(given)])].sort(),
        )
        for (const [key, got] of Object.entries(values)) expect(got).toBe(given[key] ?? declared[key]?.default)
        for (const f of faults) expect(f.code === 'unknown_parameter').toBe(!Object.hasOwn(declared, f.name))
      }),
    )
  })

  test('a name of the language is no parameter', () => {
    const given = JSON.parse('{"__proto__": 1, "constructor": 2}') as Record<string, ParameterValue>
    expect(resolveParameters({}, given).faults.map((f) => [f.name, f.code])).toEqual([
      ['__proto__', 'unknown_parameter'],
      ['constructor', 'unknown_parameter'],
    ])
    expect(resolveParameters(declaring('constructor'), {}).faults).toMatchObject([
      { name: 'constructor', code: 'invalid_request' },
    ])
  })

  test.each<[string, ParameterSpec, ParameterValue, boolean]>([
    ['a whole number', { type: 'integer', min: 1, max: 3 }, 3, true],
    ['a number above max', { type: 'integer', min: 1, max: 3 }, 4, false],
    ['a number below min', { type: 'integer', min: 1, max: 3 }, 0, false],
    ['a fraction', { type: 'integer' }, 1.5, false],
    ['a fraction where one may be', { type: 'number' }, 1.5, true],
    ['no number at all', { type: 'number' }, Number.NaN, false],
    ['a number beyond every bound', { type: 'number' }, Number.POSITIVE_INFINITY, false],
    ['one of a list', { type: 'integer', enum: [2, 4] }, 4, true],
    ['none of a list', { type: 'integer', enum: [2, 4] }, 3, false],
    ['a word of a list', { type: 'string', enum: ['a', 'b'] }, 'b', true],
    ['a word outside of it', { type: 'string', enum: ['a', 'b'] }, 'c', false],
    ['text at its length', { type: 'string', maxLength: 3 }, 'abc', true],
    ['text over its length', { type: 'string', maxLength: 3 }, 'abcd', false],
    ['text over the length of all', { type: 'string' }, 'x'.repeat(1_001), false],
    ['the word true', { type: 'boolean' }, 'true', false],
    ['false', { type: 'boolean' }, false, true],
    ['a digit as text', { type: 'integer' }, '1', false],
  ])('%s', (_, declared, given, accepted) => {
    const { values, faults } = resolveParameters({ p: declared }, { p: given })
    expect(faults).toHaveLength(accepted ? 0 : 1)
    expect(Object.hasOwn(values, 'p')).toBe(accepted)
  })

  test('a default is checked like a value that somebody gives', () => {
    expect(resolveParameters({ p: { type: 'integer', default: 9, max: 3 } }, {}).faults).toHaveLength(1)
  })
})

describe('visibility', () => {
  const me = { accountId: 'a1', organisation: 'beamline', groups: ['g1'], projectIds: ['p1'] }
  const all: readonly [Visibility, boolean][] = [
    [{ kind: 'everyone' }, true],
    [{ kind: 'organisation', organisation: 'beamline' }, true],
    [{ kind: 'organisation', organisation: 'other' }, false],
    [{ kind: 'group', group: 'g1' }, true],
    [{ kind: 'group', group: 'g2' }, false],
    [{ kind: 'project', projectId: 'p1' }, true],
    [{ kind: 'project', projectId: 'p2' }, false],
    [{ kind: 'account', accountId: 'a1' }, true],
    [{ kind: 'account', accountId: 'a2' }, false],
  ]
  test.each(all)('%o: %s', (rule, seen) => expect(isVisible([rule], me)).toBe(seen))

  test('one rule that fits is enough; without rules nobody sees it', () => {
    fc.assert(
      fc.property(fc.subarray([...all]), (rules) => {
        expect(
          isVisible(
            rules.map(([rule]) => rule),
            me,
          ),
        ).toBe(rules.some(([, seen]) => seen))
      }),
    )
  })

  test('an account without organisation belongs to none', () => {
    const stranger = { accountId: 'a9', organisation: null, groups: [], projectIds: [] }
    expect(isVisible([{ kind: 'organisation', organisation: '' }], stranger)).toBe(false)
  })
})
