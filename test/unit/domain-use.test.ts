import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isEnd, sessionStates } from '../../domain/lifecycle.ts'
import { mayShareWith, mayUse, projectRoles, stricter, usableMode } from '../../domain/authorization.ts'
import type { Membership, UseFacts } from '../../domain/authorization.ts'
import { doorModes, sharings } from '../../domain/template.ts'

const use: UseFacts = {
  state: 'ready',
  ownerId: 'a1',
  ownerRole: 'editor',
  stopRequestedAt: null,
  expiresAt: 1_000,
  sharing: { template: 'invited', project: 'invited', holdsData: false },
}
const me = { id: 'a1', disabledAt: null }
const guest = { id: 'a2', disabledAt: null }
const editor: Membership = { projectRole: 'editor', collaborator: null }

const moment = fc.integer({ min: 0, max: 2_000 })
const sharing = fc.record({
  template: fc.constantFrom(...sharings),
  project: fc.constantFrom(...sharings),
  holdsData: fc.boolean(),
})
const facts: fc.Arbitrary<UseFacts> = fc.record({
  state: fc.constantFrom(...sessionStates),
  ownerId: fc.constantFrom('a1', 'a2'),
  ownerRole: fc.option(fc.constantFrom(...projectRoles), { nil: null }),
  stopRequestedAt: fc.option(moment, { nil: null }),
  expiresAt: fc.option(moment, { nil: null }),
  sharing,
})
const membership: fc.Arbitrary<Membership> = fc.record({
  projectRole: fc.option(fc.constantFrom(...projectRoles), { nil: null }),
  collaborator: fc.option(fc.constantFrom(...doorModes), { nil: null }),
})

describe('the use of a session', () => {
  test('its owner controls it until the moment it expires', () => {
    expect(usableMode(use, me, editor, 999)).toBe('control')
    expect(mayUse(use, me, editor, 999)).toBe(true)
    expect(usableMode(use, me, editor, 1_000)).toBeNull()
    expect(mayUse(use, me, editor, 1_000)).toBe(false)
  })

  test('an owner who may no longer work in the project is not let in again as a collaborator', () => {
    for (const projectRole of ['viewer', null] as const)
      expect(usableMode(use, me, { projectRole, collaborator: 'control' }, 0)).toBeNull()
  })

  test('every single withdrawal is enough, whatever else holds, and whatever the clocks say', () => {
    fc.assert(
      fc.property(facts, fc.option(moment, { nil: null }), membership, moment, (session, disabledAt, to, now) => {
        const withdrawn = [
          disabledAt !== null,
          session.stopRequestedAt !== null,
          session.expiresAt !== null && session.expiresAt <= now,
          isEnd(session.state) || session.state === 'stopping',
          session.ownerId === 'a1'
            ? to.projectRole === null || to.projectRole === 'viewer'
            : to.collaborator === null ||
              !mayShareWith(session.sharing, to.projectRole) ||
              session.ownerRole === null ||
              session.ownerRole === 'viewer',
        ]
        const expected = withdrawn.includes(true) ? null : session.ownerId === 'a1' ? 'control' : to.collaborator
        expect(usableMode(session, { id: 'a1', disabledAt }, to, now)).toBe(expected)
        expect(mayUse(session, { id: 'a1', disabledAt }, to, now)).toBe(expected !== null)
      }),
      { numRuns: 500 },
    )
  })
})

describe('sharing', () => {
  test.each([
    ['owner', 'view'],
    ['editor', 'view'],
    ['viewer', null],
    [null, null],
  ] as const)('by one who is %s of the project gives a guest %s, member or not', (ownerRole, mode) => {
    for (const projectRole of [null, 'viewer', 'owner'] as const)
      expect(usableMode({ ...use, ownerRole }, guest, { projectRole, collaborator: 'view' }, 0)).toBe(mode)
  })

  test.each([
    ['off', 'invited', 'off'],
    ['members', 'invited', 'members'],
    ['invited', 'invited', 'invited'],
    ['members', 'off', 'off'],
  ] as const)('of %s and %s the stricter is %s, either way', (one, other, expected) => {
    expect(stricter(one, other)).toBe(expected)
    expect(stricter(other, one)).toBe(expected)
  })

  test.each([
    ['off', 'invited', false, 'editor', false],
    ['members', 'invited', false, 'viewer', true],
    ['members', 'invited', false, null, false],
    ['invited', 'members', false, null, false],
    ['invited', 'invited', false, null, true],
    ['invited', 'invited', true, null, false],
    ['invited', 'invited', true, 'viewer', true],
  ] as const)(
    'template %s, project %s, data %s: with a %s of the project: %s',
    (template, project, holdsData, role, may) => {
      const given: UseFacts = { ...use, sharing: { template, project, holdsData } }
      expect(mayShareWith(given.sharing, role)).toBe(may)
      expect(usableMode(given, guest, { projectRole: role, collaborator: 'view' }, 0)).toBe(may ? 'view' : null)
      expect(usableMode(given, guest, { projectRole: role, collaborator: null }, 0)).toBeNull()
    },
  )
})
