import type { Db } from '../../../db/connect.ts'
import { answerOf, wantUse } from '../../../db/outside-uses.ts'
import type { OutsideUse } from '../../../db/outside-accounts.ts'
import { issueTicket } from '../../../db/tickets.ts'
import { createToken } from '../../../db/tokens.ts'
import { doorHost } from '../../../domain/doors.ts'
import { newId } from '../../../domain/ids.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { DoorSpec } from '../../../domain/template.ts'
import { grantKey } from '../../../ports/access/fake/backend.ts'
import type { FakeAccessBackend } from '../../../ports/access/fake/backend.ts'
import type { HeldInstance } from '../ledger.ts'

/** A door that a gateway outside opens, at the port of the door that is there anyway. */
export const deskDoor: Readonly<Record<string, DoorSpec>> = {
  web: { protocol: 'http', port: 8888, modes: ['control'] },
  desk: { protocol: 'vnc', port: 8888, modes: ['control', 'view'] },
}

/** Asks for the desk of a session that is ready, as the api does for its owner; `null`: it is ready no more. */
async function wantDesk(db: Db, sessionId: SessionId): Promise<{ use: OutsideUse; asking: number } | null> {
  const { owner_id: accountId, generation } = await db
    .selectFrom('session')
    .select(['owner_id', 'generation'])
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow()
  const use: OutsideUse = { sessionId, generation, door: 'desk', mode: 'control', accountId }
  const tokenId = newId('token')
  return await db.transaction().execute(async (trx) => {
    const asking = await wantUse(trx, use)
    if (asking === null) return null
    const expiresAt = new Date(Date.now() + 3_600_000)
    await createToken(trx, { id: tokenId, accountId, client: 'test', name: 'test', scopes: [], expiresAt })
    const host = doorHost(sessionId, use.door, 'localhost')
    await issueTicket(trx, { host, mode: use.mode, accountId, tokenId, path: '/' })
    return { use, asking }
  })
}

/** Opens the desk and looks at it, unless the session ends before. */
export async function useDesk(
  { db, desks }: { readonly db: Db; readonly desks?: FakeAccessBackend | undefined },
  sessionId: SessionId,
): Promise<void> {
  const wanted = await wantDesk(db, sessionId)
  if (wanted === null) return
  for (;;) {
    const answer = await answerOf(db, wanted.use, wanted.asking)
    if (answer.kind === 'open') break
    const { state } = await db
      .selectFrom('session')
      .select('state')
      .where('id', '=', sessionId)
      .executeTakeFirstOrThrow()
    if (state !== 'ready' || answer.kind === 'refused') return
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  const grant = [...(desks?.grants ?? [])].find(([, { use }]) => use.sessionId === sessionId)
  const token = [...(desks?.tokens ?? [])].find(([, { accountId }]) => accountId === wanted.use.accountId)
  if (grant === undefined || token === undefined) return
  desks?.enter({ baseUrl: '', path: `#/${encodeURIComponent(grantKey(grant[1].use))}`, token: token[0] })
}

/** What a gateway in memory has for sessions: connections, rights and tunnels, each by a name of its own. */
export const heldDesks = (backend: FakeAccessBackend): HeldInstance[] => [
  ...[...backend.connections].map(([key, { sessionId, generation }]) => ({
    name: `connection ${key}`,
    sessionId,
    generation,
  })),
  ...[...backend.grants].map(
    ([
      key,
      {
        use: { sessionId, generation },
      },
    ]) => ({
      name: `right ${key}`,
      sessionId,
      generation,
    }),
  ),
  ...[...backend.tunnels.values()].map(({ id, doors: { sessionId, generation } }) => ({
    name: `tunnel ${id}`,
    sessionId,
    generation,
  })),
]
