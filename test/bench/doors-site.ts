import { randomBytes } from 'node:crypto'
import { createGatewayDoors } from '../../db/gateway-doors.ts'
import { issueTicket } from '../../db/tickets.ts'
import { doorHost } from '../../domain/doors.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets, instanceSecret } from '../../platform/secrets.ts'
import { startChild } from '../../stack/child.ts'
import { repository } from '../../stack/places.ts'
import { freePort } from '../../stack/ports.ts'
import { startProcess } from '../../stack/processes.ts'
import { makeReady } from '../setup/ready-session.ts'
import type { Way } from './door-ways.ts'
import { fakeConfiguration } from './fake-site.ts'
import type { Ground } from './ground.ts'
import { createPortal } from './portal.ts'
import { createSite } from './site.ts'
import type { Site } from './site.ts'

/** A gateway and, behind it, one session that answers on this machine. */
export interface DoorsSite {
  readonly direct: Way
  readonly through: Way
  /** The gateway's process. */
  readonly pid: number
  close(): Promise<void>
}

const domain = 'localhost'

export async function createDoorsSite(ground: Ground): Promise<DoorsSite> {
  const site = await createSite(ground, { configuration: fakeConfiguration(1), worker: false })
  const undo: (() => Promise<unknown>)[] = [() => site.close()]
  const close = async () => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last().catch(() => undefined)
  }
  try {
    const told = Promise.withResolvers<number>()
    const session = await startChild({
      name: 'session',
      command: process.execPath,
      args: ['test/bench/door-session.ts'],
      cwd: repository,
      onLine: (line) => told.resolve(Number(line)),
    })
    undo.push(() => session.kill())
    const key = randomBytes(32)
    const [port, control] = [await freePort(), await freePort()]
    const { child, ready } = await startProcess({
      name: 'gateway',
      entry: 'gateway/main.ts',
      variables: {
        CARREL_ENV: 'development',
        CARREL_LOG_LEVEL: 'warn',
        CARREL_DATABASE_URL: site.databaseUrl,
        CARREL_KEYS: `k1:${key.toString('base64')}`,
        CARREL_PROVIDERS: undefined,
        CARREL_PROVIDERS_FILE: undefined,
        CARREL_SESSIONS_DOMAIN: domain,
        CARREL_GATEWAY_PORT: String(port),
        CARREL_METRICS_PORT: String(control),
        CARREL_DRAIN_MS: '0',
      },
      readyUrl: `http://127.0.0.1:${control}/readyz`,
      logs: ground.places.logs,
    })
    undo.push(() => child.stop(10_000))
    await ready
    const direct: Way = { port: await told.promise, headers: {} }
    return { direct, through: { port, headers: await enter(site, key, direct.port, port) }, pid: child.pid, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A session that is ready because its rows say so, and what a browser says that has gone in by its door. */
async function enter(
  site: Site,
  key: Buffer,
  hostPort: number,
  port: number,
): Promise<Readonly<Record<string, string>>> {
  const { db, user } = site
  const portal = createPortal(site)
  // The api made both.
  const sessionId = (await portal.create(await portal.templateId('plain'))) as SessionId
  const accountId = user.accountId as AccountId
  const { id: providerId } = await db.selectFrom('provider').select('id').executeTakeFirstOrThrow()
  const secrets = createSecrets(createKeyring([{ id: 'k1', secret: key }]))
  const secret = secrets.encrypt(instanceSecret({ sessionId, generation: 1 }), 'not asked for')
  const endpoints = [{ port: 8_888, host: '127.0.0.1', hostPort }]
  await makeReady(db, sessionId, { endpoints, secret, lifetimeMs: 7_200_000, providerId })
  const tokens = db.selectFrom('token').select('id').where('account_id', '=', accountId)
  const { id: tokenId } = await tokens.executeTakeFirstOrThrow()
  const host = doorHost(sessionId, 'web', domain)
  const { ticket } = await db
    .transaction()
    .execute(async (trx) => await issueTicket(trx, { host, mode: 'control', accountId, tokenId, path: '/' }))
  const redeemed = await createGatewayDoors({ db, gatewayId: 'bench' }).redeem(ticket, host, [])
  if (redeemed.kind === 'refused') throw new Error(redeemed.code)
  const authority = `${host.name}:${port}`
  return { host: authority, origin: `http://${authority}`, cookie: `__Host-carrel_door=${redeemed.pass}` }
}
