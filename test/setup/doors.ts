import { applyConfiguration } from '../../db/bootstrap.ts'
import type { NewSession } from '../../db/intents.ts'
import { createGatewayDoors } from '../../db/gateway-doors.ts'
import type { GatewayDoors } from '../../db/gateway-doors.ts'
import { issueTicket } from '../../db/tickets.ts'
import { createToken } from '../../db/tokens.ts'
import { doorHost } from '../../domain/doors.ts'
import type { DoorHost } from '../../domain/doors.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, SessionId, TemplateId, TokenId } from '../../domain/ids.ts'
import { scopes } from '../../domain/authorization.ts'
import type { SessionKey } from '../../domain/session.ts'
import type { DoorMode, TemplateSpec } from '../../domain/template.ts'
import { makeReady } from './ready-session.ts'
import { createRows } from './rows.ts'
import type { Owner, Rows } from './rows.ts'
import { plainTemplate } from './template.ts'

export const domain = 'sessions.test'

/** A web door that can be looked at, a desktop, and whomever the owner invites. */
export const sharedTemplate: TemplateSpec = {
  ...plainTemplate,
  doors: {
    web: { protocol: 'http', port: 8_888, modes: ['control', 'view'], readOnly: { port: 8_889 } },
    desktop: { protocol: 'vnc', port: 5_901, modes: ['control', 'view'] },
  },
  sharing: 'invited',
}

/** Somebody with an account, a personal project, and a token of their own. */
export interface Visitor extends Owner {
  readonly tokenId: TokenId
}

export interface Entry {
  readonly door?: string
  readonly mode?: DoorMode
  readonly path?: string
  /** Another token than the visitor's own: a portal's. */
  readonly tokenId?: TokenId
}

/** Its message is the code. */
export class DoorRefused extends Error {}

export interface DoorScene {
  readonly rows: Rows
  readonly gateway: GatewayDoors
  visitor(): Promise<Visitor>
  token(accountId: AccountId): Promise<TokenId>
  /** A session that is ready, with an instance that answers on the ports of its doors. */
  ready(owner: Owner, over?: Partial<NewSession>): Promise<SessionKey>
  /** Lets somebody into the session, and projects share with anybody. */
  invite(key: SessionKey, accountId: AccountId, mode?: DoorMode): Promise<void>
  ticket(key: SessionKey, who: Visitor, entry?: Entry): Promise<string>
  /** Redeems a new ticket: what the browser has then. */
  enter(key: SessionKey, who: Visitor, entry?: Entry): Promise<string>
  passIdOf(key: SessionKey, who: Visitor): Promise<string>
  events(key: SessionKey): Promise<{ type: string; data: Record<string, unknown> }[]>
  close(): Promise<void>
}

export const hostOf = ({ sessionId }: { readonly sessionId: SessionId }, door = 'web'): DoorHost =>
  doorHost(sessionId, door, domain)

/** A database with a provider that has networks, and a template whose doors may be shared. */
export async function createDoorScene({ poolSize = 10 } = {}): Promise<DoorScene> {
  const rows = await createRows({ poolSize })
  const { db } = rows
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 5, networks: ['10.0.0.0/8'], settings: {} }],
    templates: [{ name: 'shared', spec: sharedTemplate }],
    quotaDefaults: {},
  })
  const { id: templateId } = await db
    .selectFrom('template')
    .select('id')
    .where('name', '=', 'shared')
    .executeTakeFirstOrThrow()
  const gateway = createGatewayDoors({ db, gatewayId: 'g1' })
  const token: DoorScene['token'] = async (accountId) => {
    const id = newId('token')
    const expiresAt = new Date(Date.now() + 3_600_000)
    await db
      .transaction()
      .execute(
        async (trx) => await createToken(trx, { id, accountId, client: 'test', name: 'test', scopes, expiresAt }),
      )
    return id
  }
  const ticket: DoorScene['ticket'] = async (key, who, { door = 'web', mode = 'control', path = '/', tokenId } = {}) =>
    await db.transaction().execute(async (trx) => {
      const wish = { host: hostOf(key, door), mode, accountId: who.accountId, tokenId: tokenId ?? who.tokenId, path }
      return (await issueTicket(trx, wish)).ticket
    })
  return {
    rows,
    gateway,
    token,
    ticket,
    async visitor() {
      const owner = await rows.account()
      return { ...owner, tokenId: await token(owner.accountId) }
    },
    async ready(owner, over = {}) {
      const key = await rows.session(owner, { templateId: templateId satisfies TemplateId, ...over })
      const endpoints = [8_888, 8_889, 5_901].map((port) => ({ port, host: '10.1.2.3', hostPort: port + 10_000 }))
      await makeReady(db, key.sessionId, { endpoints, lifetimeMs: 3_600_000 })
      return key
    },
    async invite({ sessionId }, accountId, mode = 'control') {
      await db
        .updateTable('project')
        .set({ sharing: 'invited' })
        .where('id', '=', (eb) => eb.selectFrom('session').select('project_id').where('id', '=', sessionId))
        .execute()
      await db.insertInto('collaborator').values({ session_id: sessionId, account_id: accountId, mode }).execute()
    },
    async enter(key, who, entry = {}) {
      const redeemed = await gateway.redeem(await ticket(key, who, entry), hostOf(key, entry.door), [])
      if (redeemed.kind === 'refused') throw new DoorRefused(redeemed.code)
      return redeemed.pass
    },
    async passIdOf({ sessionId }, { accountId }) {
      const passes = db.selectFrom('door_pass').select('id').orderBy('id', 'desc')
      return (
        await passes.where('session_id', '=', sessionId).where('account_id', '=', accountId).executeTakeFirstOrThrow()
      ).id
    },
    async events({ sessionId }) {
      const events = db.selectFrom('session_event').select(['type', 'data']).orderBy('seq')
      return await events.where('session_id', '=', sessionId).execute()
    },
    close: async () => await rows.close(),
  }
}
