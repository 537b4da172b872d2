import { createGatewayDoors } from '../../db/gateway-doors.ts'
import { answerOf, wantUse } from '../../db/outside-uses.ts'
import type { OutsideUse } from '../../db/outside-accounts.ts'
import { outsideEntry } from '../../db/outside-entry.ts'
import { issueTicket } from '../../db/tickets.ts'
import { createToken } from '../../db/tokens.ts'
import { doorHost } from '../../domain/doors.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, SessionId, TokenId } from '../../domain/ids.ts'
import type { DoorMode } from '../../domain/template.ts'
import { createSecrets, outsideToken } from '../../platform/secrets.ts'
import type { Launch } from '../../ports/access/access-gateway.ts'
import { addAccount } from '../setup/person.ts'
import { ask, eventually, until } from './stage.ts'
import type { Stage } from './stage.ts'

/** What stands for somebody at the gateway, and by which right. */
export interface OpenDesk {
  readonly use: OutsideUse
  readonly tokenId: TokenId
}

/** Opens the desk of a session for somebody as api and gateway do: ticket and wish at once, then the pass. */
export async function openDesk(
  { db }: Pick<Stage, 'db'>,
  sessionId: SessionId,
  accountId: AccountId,
  mode: DoorMode = 'control',
): Promise<OpenDesk> {
  const use: OutsideUse = { sessionId, generation: 1, door: 'desk', mode, accountId }
  const host = doorHost(sessionId, use.door, 'sessions.test')
  const tokenId = newId('token')
  const { asking, ticket } = await db.transaction().execute(async (trx) => {
    const expiresAt = new Date(Date.now() + 3_600_000)
    await createToken(trx, { id: tokenId, accountId, client: 'test', name: 'test', scopes: [], expiresAt })
    const wanted = await wantUse(trx, use)
    if (wanted === null) throw new Error('The session is not ready.')
    const made = await issueTicket(trx, { host, mode, accountId, tokenId, path: '/' })
    return { asking: wanted, ticket: made.ticket }
  })
  await eventually('the desk is open', async () => {
    const answer = await answerOf(db, use, asking)
    if (answer.kind === 'refused') throw new Error(`refused: ${answer.code}`)
    return answer.kind === 'open'
  })
  const redeemed = await createGatewayDoors({ db, gatewayId: 'g1' }).redeem(ticket, host, [])
  if (redeemed.kind !== 'pass') throw new Error(`The ticket is refused: ${redeemed.code}`)
  return { use, tokenId }
}

/** A session of an owner's that is ready, and a guest who was let into it. */
export async function guestOfSession({ db }: Pick<Stage, 'db'>) {
  const [owner, guest] = [await addAccount(db), await addAccount(db)]
  await db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', owner.projectId).execute()
  const id = await ask(db, owner)
  await until(db, id, ['ready'])
  await db.insertInto('collaborator').values({ session_id: id, account_id: guest.accountId, mode: 'control' }).execute()
  return { id, owner, guest }
}

/** Where a browser is led that shows its pass at the door. */
export async function wayIn({ db, keyring }: Pick<Stage, 'db' | 'keyring'>, { use }: OpenDesk): Promise<Launch> {
  const entry = await outsideEntry(db, use)
  if (entry === null) throw new Error('Nothing stands.')
  const at = entry.url.indexOf('#')
  const token = createSecrets(keyring).decrypt(outsideToken(use.accountId), entry.token).toString()
  return { baseUrl: entry.url.slice(0, at), path: entry.url.slice(at), token }
}
