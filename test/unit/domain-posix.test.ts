import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPosix, mayReplace, posixOfClaim, posixSources, readPosix, samePosix } from '../../domain/posix.ts'
import type { Posix } from '../../domain/posix.ts'

const rule = { minimumUid: 1_000, minimumGid: 500 }
const ada: Posix = { user: 'ada', uid: 1_815, gid: 1_815, gids: [2_000] }

describe('checkPosix()', () => {
  test.each<[Partial<Posix>, string[]]>([
    [{}, []],
    [{ uid: 0 }, ['uid']],
    [{ uid: 999 }, ['uid']],
    [{ uid: 1_000, gid: 500 }, []],
    [{ gid: 0 }, ['gid']],
    [{ gid: 499 }, ['gid']],
    [{ gids: [2_000, 0] }, ['gids/1']],
    [{ gids: [44, 2_000] }, ['gids/0']],
    [{ gids: [Number.NaN] }, ['gids/0']],
    [{ uid: -1 }, ['uid']],
    [{ uid: 1_000.5 }, ['uid']],
    [{ uid: 2_147_483_648 }, ['uid']],
    [{ uid: 65_534 }, ['uid']],
    [{ gid: 65_535 }, ['gid']],
    [{ user: 'root' }, ['user']],
    [{ user: 'Ada' }, ['user']],
    [{ user: 'ada; id' }, ['user']],
    [{ user: '' }, ['user']],
    [{ gids: Array.from({ length: 257 }, (_, n) => 1_000 + n) }, ['gids']],
  ])('%j: %j', (change, faulty) => {
    expect(checkPosix({ ...ada, ...change }, rule).map((fault) => fault.field)).toEqual(faulty)
  })

  test('whatever the minimum of a site is, nobody is root, nor in its group', () => {
    fc.assert(
      fc.property(fc.integer({ max: 0 }), fc.constantFrom('uid', 'gid', 'gids'), (least, field) => {
        const root = { ...ada, [field]: field === 'gids' ? [0] : 0 }
        expect(checkPosix(root, { minimumUid: least, minimumGid: least })).toHaveLength(1)
      }),
    )
  })
})

describe('what an outside system says', () => {
  test.each([[undefined], [null], [''], ['.'], [{}], [{ uid: null }], [{ user: 'ada', uid: '.' }], [{ uid: ' ' }]])(
    '%j is nobody',
    (claim) => expect(posixOfClaim(claim, rule)).toEqual({ kind: 'none' }),
  )

  test.each([
    [{ user: 'ada', uid: 1_815, gid: 1_815, gids: [2_000] }],
    [{ user: ' ada ', uid: '1815', gid: '1815 ', gids: '2000' }],
    [{ uid: 'ada', uidNumber: '1815', gidNumber: 1_815, gidNumbers: ['2000', 1_815, 2_000] }],
    [{ user: 'ada', uid: 1_815, gid: 1_815, gids: '2000;1815' }],
  ])('%j is Ada', (claim) => {
    expect(posixOfClaim(claim, rule)).toEqual({ kind: 'posix', posix: ada })
  })

  test.each([
    [{ user: 'ada', uid: 0, gid: 1_815 }, ['uid']],
    [{ user: 'ada', uid: '0x717', gid: 1_815 }, ['uid']],
    [{ user: 'ada', uid: '18150000000', gid: 1_815 }, ['uid']],
    [{ user: 'ada', uid: true, gid: {} }, ['uid', 'gid']],
    [{ user: 7, uid: 1_815, gid: 1_815 }, ['user']],
    [{ user: 'ada', uid: 1_815, gid: 1_815, gids: '2000 wheel' }, ['gids/1']],
    [{ user: 'ada', uid: 1_815 }, ['gid']],
    ['ada', ['']],
    [[ada], ['']],
    [12, ['']],
  ])('%j is refused as a whole', (claim, fields) => {
    const reading = posixOfClaim(claim, rule)
    expect(reading.kind === 'refused' ? reading.faults.map((fault) => fault.field) : reading).toEqual(fields)
  })

  test('never gives what the site does not allow', () => {
    fc.assert(
      fc.property(
        fc.record({ user: fc.anything(), uid: fc.anything(), gid: fc.anything(), gids: fc.anything() }),
        (words) => {
          const reading = readPosix(words, rule)
          if (reading.kind === 'posix') expect(checkPosix(reading.posix, rule)).toEqual([])
        },
      ),
    )
  })
})

test('a weaker source never goes before a stronger one, and who is not named was an admin', () => {
  for (const [strength, standing] of posixSources.entries())
    for (const [other, by] of posixSources.entries()) expect(mayReplace(standing, by)).toBe(other <= strength)
  expect(posixSources.filter((by) => mayReplace(null, by))).toEqual(['admin'])
})

test('the same user is the same in any order of its groups, and in no other group', () => {
  expect(samePosix({ ...ada, gids: [3, 2, 2] }, { ...ada, gids: [2, 3] })).toBe(true)
  for (const change of [{ uid: 1 }, { gid: 1 }, { user: 'eve' }, { gids: [2_001] }, { gids: [] }])
    expect(samePosix(ada, { ...ada, ...change })).toBe(false)
})
