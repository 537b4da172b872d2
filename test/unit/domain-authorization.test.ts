import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  can,
  hasScope,
  mayTry,
  needsRelation,
  projectRoles,
  rights,
  roles,
  scopes,
} from '../../domain/authorization.ts'
import type { Actor, Relation, Right } from '../../domain/authorization.ts'

const allRights = Object.keys(rights) as Right[]
const right = fc.constantFrom(...allRights)
const role = fc.option(fc.constantFrom(...projectRoles), { nil: null })
const actor: fc.Arbitrary<Actor> = fc.record({
  accountId: fc.constant('a1'),
  roles: fc.subarray([...roles]),
  scopes: fc.subarray([...scopes]),
  actingFor: fc.boolean(),
  disabled: fc.boolean(),
})
const relation: fc.Arbitrary<Relation> = fc.record({
  isOwner: fc.boolean(),
  projectRole: role,
  isCollaborator: fc.boolean(),
  sharesProject: fc.boolean(),
})
const everyScope: Actor = { accountId: 'a1', roles: ['member'], scopes, actingFor: false, disabled: false }

const rank = { hidden: 0, no: 1, yes: 2 } as const

describe('can()', () => {
  test('a disabled account, and a token without the scope, can do nothing that needs one', () => {
    fc.assert(
      fc.property(actor, right, relation, (who, r, to) => {
        fc.pre(rights[r].scope !== null)
        if (who.disabled || !hasScope(who, rights[r].scope)) expect(can(who, r, to)).toBe('no')
        expect(mayTry(who, r)).toBe(!who.disabled && hasScope(who, rights[r].scope))
      }),
    )
  })

  test('whoever acts for somebody has no more than that account without its roles, and never touches tokens', () => {
    fc.assert(
      fc.property(actor, right, relation, (who, r, to) => {
        const portal = can({ ...who, actingFor: true }, r, to)
        const plain = can({ ...who, actingFor: false, roles: [] }, r, to)
        expect(rank[portal]).toBeLessThanOrEqual(rank[plain])
        if (rights[r].relation === 'self') expect(portal).not.toBe('yes')
      }),
    )
  })

  test('a nearer relation never takes a right away', () => {
    fc.assert(
      fc.property(actor, right, relation, (who, r, to) => {
        const here = rank[can(who, r, to)]
        expect(rank[can(who, r, {})]).toBeLessThanOrEqual(here)
        for (const nearer of ['isOwner', 'isCollaborator', 'sharesProject'] as const)
          expect(rank[can(who, r, { ...to, [nearer]: true })]).toBeGreaterThanOrEqual(
            rank[can(who, r, { ...to, [nearer]: false })],
          )
      }),
    )
  })

  test('what nobody told the account of is hidden, not refused', () => {
    for (const r of allRights.filter(needsRelation)) expect(can(everyScope, r, {})).toBe('hidden')
    for (const r of allRights.filter((one) => !needsRelation(one))) expect(can(everyScope, r, {})).not.toBe('hidden')
  })

  test.each([
    ['session:read', { projectRole: 'viewer' }, 'yes'],
    ['session:stop', { projectRole: 'viewer' }, 'no'],
    ['session:stop', { projectRole: 'editor' }, 'no'],
    ['session:stop', { projectRole: 'owner' }, 'yes'],
    ['session:stop', { isOwner: true }, 'yes'],
    ['session:connect', { isOwner: true }, 'yes'],
    ['session:connect', { projectRole: 'owner' }, 'no'],
    ['session:connect', { isCollaborator: true }, 'yes'],
    ['session:read', { isCollaborator: true }, 'yes'],
    ['event:read', { isCollaborator: true }, 'yes'],
    ['session:stop', { isCollaborator: true }, 'no'],
    ['session:share', { isOwner: true }, 'yes'],
    ['session:share', { isCollaborator: true }, 'no'],
    ['session:share', { projectRole: 'owner' }, 'no'],
    ['session:watch', { isOwner: true }, 'yes'],
    ['session:watch', { isCollaborator: true }, 'no'],
    ['session:cut', { projectRole: 'owner' }, 'no'],
    ['project:read', { isCollaborator: true }, 'hidden'],
    ['session:create', { projectRole: 'editor' }, 'yes'],
    ['session:create', { projectRole: 'viewer' }, 'no'],
    ['project:write', { projectRole: 'editor' }, 'no'],
    ['project:write', { projectRole: 'owner' }, 'yes'],
    ['quota:read', { projectRole: 'viewer' }, 'yes'],
    ['quota:admin', { isOwner: true }, 'no'],
  ] as const)('a member of all scopes and %s, being %o: %s', (r, to, expected) => {
    expect(can(everyScope, r, to)).toBe(expected)
  })

  test('operators see every session and may stop it, but use none; admins alone administer', () => {
    const operator: Actor = { ...everyScope, roles: ['operator'] }
    const admin: Actor = { ...everyScope, roles: ['admin'] }
    expect(can(operator, 'session:read')).toBe('yes')
    expect(can(operator, 'session:stop')).toBe('yes')
    expect(can(operator, 'session:connect')).toBe('no')
    expect(can(operator, 'session:share')).toBe('no')
    expect(can(operator, 'session:watch')).toBe('yes')
    expect(can(operator, 'session:cut')).toBe('yes')
    expect(can(operator, 'session:create')).toBe('hidden')
    for (const r of allRights.filter((one) => rights[one].relation === 'admin')) {
      expect(can(operator, r)).toBe('no')
      expect(can(admin, r)).toBe('yes')
    }
  })

  test('scopes of writing imply reading, and no other scope implies anything', () => {
    fc.assert(
      fc.property(fc.constantFrom(...scopes), fc.constantFrom(...scopes), (held, asked) => {
        const implied = asked === 'read' && ['sessions', 'projects', 'admin'].includes(held)
        expect(hasScope({ ...everyScope, scopes: [held] }, asked)).toBe(held === asked || implied)
      }),
    )
  })
})
