import { createHandoverRecords } from '../../db/handover-records.ts'
import type { StoredHandoverSpec } from '../../db/schema-handover.ts'
import { instanceName, newId } from '../../domain/ids.ts'
import type { AccountId, HandoverId, ProviderId, SessionId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { handoverSecrets } from '../../platform/secrets.ts'
import { secrets } from './api.ts'
import type { Ask, TestApi } from './api.ts'

/** Of an account that a provider names: what it comes with. */
export interface Provisioner {
  readonly accountId: AccountId
  /** With the scope `provision` alone. */
  readonly token: string
}

/** A provider that hands over, and its provisioner, who has just asked. Its instances may be in `networks`. */
export async function addHandoverProvider(
  { db, person, token }: Pick<TestApi, 'db' | 'person' | 'token'>,
  id: ProviderId,
  {
    networks = ['10.20.0.0/16'],
    settings = {},
    by,
  }: {
    readonly networks?: readonly string[]
    readonly settings?: Readonly<Record<string, unknown>>
    readonly by?: AccountId
  } = {},
): Promise<Provisioner> {
  const accountId = by ?? (await person()).id
  await db
    .insertInto('provider')
    .values({
      id,
      kind: 'handover',
      origin: 'api',
      start_limit: 1_000,
      networks: [...networks],
      settings: JSON.stringify({ provisioner: accountId, ...settings }),
    })
    .execute()
  await db.insertInto('provider_health').values({ provider_id: id }).execute()
  await db.insertInto('quota').values({ payer_kind: 'provider', payer_id: id }).execute()
  const secret = await token(accountId, ['provision'], 'provisioner')
  await db
    .updateTable('token')
    .set({ last_used_at: new Date(), expires_at: new Date(Date.now() + 30 * 86_400_000) })
    .where('account_id', '=', accountId)
    .where('client', '=', 'provisioner')
    .execute()
  return { accountId, token: secret }
}

let made = 0
export const freshProviderId = (): ProviderId => `h${Date.now().toString(36)}${(made += 1)}` as ProviderId
export const freshClaim = (): string => `claim-${newId('handover')}`

export interface HandedOver {
  readonly id: HandoverId
  readonly key: SessionKey
  readonly name: string
}

/** What a worker hands over, as its driver would. */
export const recordsOf = ({ db }: Pick<TestApi, 'db'>, provider: ProviderId) =>
  createHandoverRecords(db, provider, (id, text) => secrets.encrypt(handoverSecrets(id), text))

export const handedSecrets = {
  secret: 'canary-secret',
  environment: { LICENCE: 'canary-licence' },
  report: null,
}

/** An instance that is handed over for a session, real or not. */
export async function handOver(
  api: Pick<TestApi, 'db'>,
  provider: ProviderId,
  {
    spec = {},
    sessionId = newId('session'),
    takeWithinSeconds = 300,
  }: {
    readonly spec?: Partial<StoredHandoverSpec>
    readonly sessionId?: SessionId
    readonly takeWithinSeconds?: number
  } = {},
): Promise<HandedOver> {
  const key = { sessionId, generation: 1 }
  const name = instanceName(sessionId, 1)
  const ask = { name, deploymentId: 'd', ...key, spec: { ...handedSpec, ...spec }, secrets: handedSecrets }
  await recordsOf(api, provider).add(ask, takeWithinSeconds)
  const { id } = await api.db.selectFrom('handover').select('id').where('name', '=', name).executeTakeFirstOrThrow()
  return { id, key, name }
}

export const handedSpec: StoredHandoverSpec = {
  image: 'windows:11',
  command: null,
  size: 'small',
  resources: { cpuMilli: 1_000, memoryMib: 2_048, diskMib: 0, gpus: 0 },
  user: null,
  ports: [3_389],
  reportedPorts: null,
  egress: 'internet',
  lifetimeSeconds: 3_600,
  terms: { pool: 'windows-11' },
}

/** Requests of a provisioner that nothing but rights would refuse; `by` is the provisioner. */
export function provisionerRequests(api: () => TestApi, by: () => AccountId) {
  let provider: Promise<ProviderId> | null = null
  const make = async (): Promise<ProviderId> => {
    const id = freshProviderId()
    await addHandoverProvider(api(), id, { by: by() })
    return id
  }
  const path = async (isTaken: boolean): Promise<string> => {
    provider ??= make()
    const { id } = await handOver(api(), await provider)
    const taken = { status: 'taken', claim_hash: Buffer.from('c'), taken_at: new Date() } as const
    if (isTaken) await api().db.updateTable('handover').set(taken).where('id', '=', id).execute()
    return `/v1/provisioner/instances/${id}`
  }
  const word = (end: string, body?: object) => async (): Promise<{ path: string; ask: Ask }> => ({
    path: `${await path(end !== 'take')}/${end}`,
    ask: { ...(body === undefined ? {} : { body }) },
  })
  return {
    getHandover: async () => ({ path: await path(false) }),
    takeHandover: word('take', { claim: 'claim-of-the-matrix' }),
    reportHandover: word('report', { state: 'running', host: '10.20.0.9' }),
    failHandover: word('fail', { code: 'start_failed' }),
    endHandover: word('end', {}),
    releaseHandover: word('gone'),
  }
}
