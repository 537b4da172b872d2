import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verdictOf } from '../../domain/door-verdict.ts'
import type { PassFacts } from '../../domain/door-verdict.ts'
import { sessionStates } from '../../domain/lifecycle.ts'
import { doorModes } from '../../domain/template.ts'

const now = 1_000
const good: PassFacts = {
  pass: { mode: 'control', expiresAt: 2_000, ended: false },
  token: { revokedAt: null, expiresAt: 2_000, holderDisabledAt: null },
  account: { id: 'a2', disabledAt: null },
  membership: { projectRole: null, collaborator: 'control' },
  session: {
    state: 'ready',
    ownerId: 'a1',
    ownerRole: 'editor',
    stopRequestedAt: null,
    expiresAt: 2_000,
    sharing: { template: 'invited', project: 'invited', holdsData: false },
  },
  door: { protocol: 'http', port: 80, modes: ['control'] },
  now,
}
const { pass, token, account, session } = good

describe('a pass', () => {
  test('opens its door', () => expect(verdictOf(good)).toBe('open'))

  test.each<[string, Partial<PassFacts>, ReturnType<typeof verdictOf>]>([
    ['whose token is revoked', { token: { ...token, revokedAt: 1 } }, 'no_access'],
    ['whose token is over at this moment', { token: { ...token, expiresAt: now } }, 'no_access'],
    ['whose portal is disabled', { token: { ...token, holderDisabledAt: 1 } }, 'no_access'],
    ['whose portal may act for the account no more', { token: { ...token, mayAct: false } }, 'no_access'],
    ['of a disabled account', { account: { ...account, disabledAt: 1 } }, 'no_access'],
    ['of nobody any more', { membership: { projectRole: 'owner', collaborator: null } }, 'no_access'],
    ['for more than is granted', { membership: { projectRole: null, collaborator: 'view' } }, 'no_access'],
    ['of a session that is asked to stop', { session: { ...session, stopRequestedAt: 1 } }, 'ended'],
    ['of a session that is over at this moment', { session: { ...session, expiresAt: now } }, 'ended'],
    ['of a session that stops', { session: { ...session, state: 'stopping' } }, 'ended'],
    ['of a session that failed', { session: { ...session, state: 'failed' } }, 'ended'],
    ['that has ended', { pass: { ...pass, ended: true } }, 'no_pass'],
    ['that is over at this moment', { pass: { ...pass, expiresAt: now } }, 'no_pass'],
    ['of a door that is not there', { door: null }, 'no_pass'],
    ['of a session that pauses', { session: { ...session, state: 'paused' } }, 'not_ready'],
    ['of a session that begins', { session: { ...session, state: 'provisioning' } }, 'not_ready'],
  ])('%s: %o', (_, over, expected) => expect(verdictOf({ ...good, ...over })).toBe(expected))

  test('for a mode that its door has no more opens nothing', () => {
    const looking = { ...pass, mode: 'view' as const }
    expect(verdictOf({ ...good, pass: looking })).toBe('no_pass')
    const door = { protocol: 'http', port: 80, modes: doorModes, readOnly: { port: 81 } } as const
    expect(verdictOf({ ...good, pass: looking, door })).toBe('open')
  })

  test('whose right is withdrawn says nothing of the session', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sessionStates), fc.boolean(), fc.boolean(), (state, stopped, ended) => {
        const over: PassFacts = {
          ...good,
          membership: { projectRole: null, collaborator: null },
          pass: { ...pass, ended },
          session: { ...session, state, stopRequestedAt: stopped ? 1 : null },
        }
        expect(verdictOf(over)).toBe('no_access')
      }),
    )
  })
})
