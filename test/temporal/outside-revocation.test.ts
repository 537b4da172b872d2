import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { disableAccount } from '../../db/account-standing.ts'
import { removeCollaborator } from '../../db/collaborators.ts'
import type { Trx } from '../../db/connect.ts'
import { requestStop } from '../../db/intents.ts'
import { revokeToken } from '../../db/tokens.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { grantKey } from '../../ports/access/fake/backend.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { proofLength, tell } from '../proof/length.ts'
import { guestOfSession, openDesk } from './outside-stage.ts'
import type { OpenDesk } from './outside-stage.ts'
import { createStage, eventually } from './stage.ts'
import type { Stage } from './stage.ts'

const access = createFakeAccessGateway()
let stage: Stage
let workers: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider: createFakeProvider({ endpoint: 'serve' }),
    startLimit: 50,
    template: { doors: deskDoor, sharing: 'invited' },
    timings: { watchDoorsMs: defaultTimings.watchDoorsMs, listDoorsMs: defaultTimings.listDoorsMs },
  })
  workers = await stage.startWorkers(['core', 'access', 'provider/*'], { openAccess: () => access })
})
afterAll(async () => {
  await workers?.stop()
  await stage?.close()
})

/** The goal, where nothing else is on the machine; and what shows that nobody waits for a sweep, wherever it is. */
const goalMs = proofLength({ seed: 1, runs: 1, durationMs: 60_000 }).long ? 5_000 : 20_000

/** What takes the right away from somebody who has a desk open. */
const revocations: Readonly<Record<string, (trx: Trx, desk: OpenDesk) => Promise<unknown>>> = {
  'collaborator removed': async (trx, { use }) => await removeCollaborator(trx, use.sessionId, use.accountId),
  'account disabled': async (trx, { use }) => await disableAccount(trx, use.accountId),
  'token revoked': async (trx, { tokenId }) => await revokeToken(trx, tokenId),
  stop: async (trx, { use }) => await requestStop(trx, use.sessionId, 'user'),
}

/** A guest at the desk of somebody else's session, with a tunnel open. */
async function guestAtDesk() {
  const { id, guest } = await guestOfSession(stage)
  const desk = await openDesk(stage, id, guest.accountId)
  const { backend } = access
  const token = [...backend.tokens].find(([, holder]) => holder.accountId === guest.accountId)?.[0] ?? ''
  const key = grantKey({ ...desk.use, deploymentId: stage.deploymentId })
  const tunnel = backend.enter({ baseUrl: '', path: `#/${encodeURIComponent(key)}`, token })
  expect(tunnel.phase).toBe('open')
  return { desk, tunnel }
}

async function revokedAfterMs(revoke: (trx: Trx, desk: OpenDesk) => Promise<unknown>): Promise<number> {
  const { desk, tunnel } = await guestAtDesk()
  await stage.db.transaction().execute(async (trx) => await revoke(trx, desk))
  const revokedAt = performance.now()
  await eventually('the tunnel is closed', () => tunnel.phase === 'closed')
  return performance.now() - revokedAt
}

interface Took {
  readonly name: string
  readonly ms: number
}

function slowest(how: string, took: readonly Took[]): number {
  const words = took.map(({ name, ms }) => `${name} ${Math.round(ms)} ms`).join(', ')
  tell({ cases: took.length, breaches: [], notes: [`closed at the gateway, ${how}: ${words}`] })
  return Math.max(...took.map(({ ms }) => ms))
}

test('whoever loses a right is out of the gateway outside within seconds', async () => {
  const took = Object.entries(revocations).map(async ([name, revoke]) => ({ name, ms: await revokedAfterMs(revoke) }))
  expect(slowest('told at once', await Promise.all(took))).toBeLessThan(goalMs)
})

test('also where nobody is told that something changed', async () => {
  for (const name of ['notify_access', 'notify_access_session', 'notify_access_own'])
    await sql`create or replace function ${sql.ref(name)}() returns trigger language plpgsql as 'begin return null; end'`.execute(
      stage.db,
    )
  const took: Took[] = []
  // One after the other: the watch looks at another moment of each.
  for (const [name, revoke] of Object.entries(revocations)) took.push({ name, ms: await revokedAfterMs(revoke) })
  expect(slowest('found by looking', took)).toBeLessThan(goalMs)
})
