import { describe, expect, test } from 'vitest'
import { sessionStates } from '../../domain/lifecycle.ts'
import { judgeTransfer } from '../../domain/transfer.ts'
import type { HeirFacts, TransferFacts } from '../../domain/transfer.ts'

const ada = { user: 'ada', uid: 1_815, gid: 1_815, gids: [2_000] }
const fitting: TransferFacts = {
  state: 'ready',
  isOver: false,
  wish: null,
  ownerId: 'a1',
  runsAs: null,
  mountsStand: true,
  heir: {
    id: 'a2',
    isUsable: true,
    projectRole: 'editor',
    owesTerms: false,
    posix: null,
    seesTemplate: true,
    mayUseExperiment: true,
    mayUseResources: true,
  },
}
const with_ = (change: Partial<TransferFacts>, heir: Partial<HeirFacts> = {}): TransferFacts => ({
  ...fitting,
  ...change,
  heir: { ...fitting.heir, ...heir },
})

describe('judgeTransfer()', () => {
  test('only what is ready or rests is given away', () => {
    const verdicts = sessionStates.map((state) => [state, judgeTransfer(with_({ state })).kind])
    expect(Object.fromEntries(verdicts)).toEqual({
      requested: 'not_ready',
      queued: 'not_ready',
      provisioning: 'not_ready',
      ready: 'fits',
      pausing: 'not_ready',
      paused: 'fits',
      resuming: 'not_ready',
      stopping: 'ended',
      stopped: 'ended',
      failed: 'ended',
      rejected: 'ended',
    })
  })

  test.each<[string, TransferFacts, string]>([
    ['its time is over', with_({ isOver: true }), 'ended'],
    ['it is to rest', with_({ wish: 'pause' }), 'not_ready'],
    ['it is to go on', with_({ state: 'paused', wish: 'resume' }), 'not_ready'],
    ['it is theirs', with_({}, { id: 'a1' }), 'already'],
    ['nobody is there', with_({}, { isUsable: false }), 'no_heir'],
    ['no member', with_({}, { projectRole: null }), 'no_heir'],
    ['only looks', with_({}, { projectRole: 'viewer' }), 'no_heir'],
    ['owns the project', with_({}, { projectRole: 'owner' }), 'fits'],
    ['has yet to accept the terms', with_({}, { owesTerms: true }), 'owes_terms'],
    ['is the user that it runs as', with_({ runsAs: ada }, { posix: { ...ada, gids: [2_000, 2_000] } }), 'fits'],
  ])('%s', (_, facts, kind) => expect(judgeTransfer(facts).kind).toBe(kind))

  test.each<[string, TransferFacts, string[]]>([
    ['another user', with_({ runsAs: ada }, { posix: { ...ada, uid: 1_816 } }), ['posix']],
    ['the same uid, and another group', with_({ runsAs: ada }, { posix: { ...ada, gids: [] } }), ['posix']],
    ['no user at all', with_({ runsAs: ada }), ['posix']],
    ['no right to sessions outside experiments', with_({}, { mayUseResources: false }), ['resources']],
    ['an experiment that is closed to them', with_({}, { mayUseExperiment: false }), ['experiment']],
    ['a source that is gone', with_({ mountsStand: false }), ['mounts']],
    ['a template that is not for them', with_({}, { seesTemplate: false }), ['template']],
    [
      'all of it',
      with_({ runsAs: ada, mountsStand: false }, { seesTemplate: false, mayUseExperiment: false }),
      ['posix', 'experiment', 'mounts', 'template'],
    ],
  ])('%s', (_, facts, reasons) => expect(judgeTransfer(facts)).toEqual({ kind: 'unfit', reasons }))

  test('who the account is goes before what it would get: nothing of the session is told to a stranger', () => {
    const strange = with_({ runsAs: ada, mountsStand: false, state: 'queued' }, { projectRole: null, owesTerms: true })
    expect(judgeTransfer(strange)).toEqual({ kind: 'no_heir' })
  })
})
