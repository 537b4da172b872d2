import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountId, ProviderId } from '../../domain/ids.ts'
import { createHandoverProvider } from '../../ports/compute/handover/provider.ts'
import { handoverSettings } from '../../ports/compute/handover/settings.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { call, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { addHandoverProvider, freshClaim, freshProviderId, handOver, recordsOf } from '../setup/handover.ts'
import { plainSpec } from '../setup/plain-spec.ts'

const desks = 'desks' as ProviderId
let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.close())

const base = '/v1/provisioner/instances'
const tries = async (token: string, id: string, headers: Record<string, string> = {}) =>
  await Promise.all([
    api.call('GET', `${base}/${id}`, { token, headers }),
    api.call('POST', `${base}/${id}/take`, { token, headers, body: { claim: freshClaim() } }),
    api.call('POST', `${base}/${id}/report`, { token, headers, body: { state: 'running', host: '10.20.0.1' } }),
    api.call('POST', `${base}/${id}/fail`, { token, headers, body: { code: 'start_failed' } }),
    api.call('POST', `${base}/${id}/end`, { token, headers, body: {} }),
    api.call('POST', `${base}/${id}/gone`, { token, headers }),
  ])
const statuses = async (...asked: Parameters<typeof tries>) =>
  new Set((await tries(...asked)).map(({ status }) => status))

describe('who may take', () => {
  test('is the account that the provider names, with the scope, by itself; for everybody else it is not there', async () => {
    const broker = await addHandoverProvider(api, desks)
    const { id } = await handOver(api, desks)
    const other = await addHandoverProvider(api, freshProviderId())
    const [admin, portal] = [await api.person({ roles: ['admin'] }), await api.person()]
    expect(await statuses(other.token, id)).toEqual(new Set([404]))
    expect(await statuses(admin.token, id)).toEqual(new Set([404]))
    const plain = await api.token(broker.accountId, ['read', 'sessions', 'projects', 'tokens'])
    expect(await statuses(plain, id)).toEqual(new Set([403]))
    expect(await statuses(portal.token, id, { 'carrel-on-behalf-of': broker.accountId })).toEqual(new Set([403]))
    expect(await statuses(broker.token, 'h00000000000000')).toEqual(new Set([404]))
    const row = await api.db.selectFrom('handover').select('status').where('id', '=', id).executeTakeFirstOrThrow()
    expect(row.status).toBe('wanted')
    // Another provisioner is named: the one before knows of nothing any more.
    await api.db
      .updateTable('provider')
      .set({ settings: JSON.stringify({ provisioner: other.accountId }) })
      .where('id', '=', desks)
      .execute()
    expect(await statuses(broker.token, id)).toEqual(new Set([404]))
    expect((await api.call('GET', base, { token: broker.token })).body.items).toEqual([])
    expect((await api.call('GET', `${base}/${id}`, { token: other.token })).status).toBe(200)
  })

  test('opens nothing else with its token', async () => {
    const { token } = await addHandoverProvider(api, freshProviderId())
    for (const path of ['/v1/sessions', '/v1/whoami', '/v1/providers', '/v1/templates', '/v1/tokens'])
      expect([path, (await api.call('GET', path, { token })).status]).toEqual([path, 403])
  })

  test('has its token from an admin, who needs no such scope; nobody gives it to himself', async () => {
    const [admin, member] = [await api.person({ roles: ['admin'] }), await api.person()]
    const issue = async (token: string, accountId: AccountId) =>
      await api.call('POST', '/v1/tokens', { token, body: { name: 'Broker', accountId, scopes: ['provision'] } })
    const older = await api.token(admin.id, ['read', 'sessions', 'projects', 'tokens', 'admin', 'act-as'])
    const made = await issue(older, member.id)
    expect([made.status, made.body['scopes']]).toEqual([201, ['provision']])
    expect((await issue(member.token, member.id)).status).toBe(403)
    expect((await issue(await api.token(admin.id, ['tokens']), admin.id)).status).toBe(403)
  })
})

describe('a provisioner that is away', () => {
  const spec = (): InstanceSpec => ({
    ...freshKey(freshDeployment()),
    ...plainSpec,
    image: 'windows:11',
    secret: 's',
    resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
    ports: [3_389],
    readiness: { kind: 'none' },
    egress: 'internet',
  })
  const ask = { deploymentId: 'd', templates: [] }

  async function scene() {
    const id = freshProviderId()
    const { accountId } = await addHandoverProvider(api, id)
    const driver = createHandoverProvider(handoverSettings.parse({ provisioner: accountId }), recordsOf(api, id))
    const tokens = async (set: { last_used_at?: Date | null; revoked_at?: Date; expires_at?: Date }) =>
      await api.db.updateTable('token').set(set).where('account_id', '=', accountId).execute()
    return { id, accountId, driver, tokens, codes: async () => (await driver.check?.(ask, call())) ?? [] }
  }

  test('gets nothing: sessions wait until it asks again, and what it has stays', async () => {
    const { driver, tokens, codes } = await scene()
    const first = spec()
    expect((await driver.create(first, call())).kind).toBe('made')
    expect(await codes()).toEqual([])
    for (const last_used_at of [new Date(Date.now() - 301_000), null]) {
      await tokens({ last_used_at })
      expect(await driver.create(spec(), call())).toMatchObject({ kind: 'unavailable' })
      expect(await driver.create(first, call())).toMatchObject({ kind: 'adopted' })
      expect((await driver.inspect(refOf(first), call())).kind).toBe('pending')
      expect(await codes()).toMatchObject([{ code: 'unreachable', level: 'missing' }])
    }
    await tokens({ last_used_at: new Date() })
    expect((await driver.create(spec(), call())).kind).toBe('made')
  })

  test('is told from one whose token ends, whose account is disabled, and that was never there', async () => {
    const { id, accountId, driver, tokens, codes } = await scene()
    await tokens({ expires_at: new Date(Date.now() + 3_600_000) })
    expect(await codes()).toMatchObject([{ code: 'credentials_expiring', level: 'warning' }])
    await tokens({ expires_at: new Date(Date.now() - 1_000) })
    expect(await codes()).toMatchObject([{ code: 'credentials_refused', level: 'missing' }])
    expect((await driver.create(spec(), call())).kind).toBe('unavailable')
    await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', accountId).execute()
    expect(await codes()).toMatchObject([{ code: 'named_missing', level: 'missing' }])
    const nobody = createHandoverProvider(handoverSettings.parse({ provisioner: 'a0' }), recordsOf(api, id))
    expect((await nobody.create(spec(), call())).kind).toBe('unavailable')
  })

  test('is asked for nothing that it could not do', async () => {
    const { driver } = await scene()
    for (const over of [
      { mounts: [{ hostPath: '/data', target: '/data', mode: 'ro' as const }] },
      { readiness: { kind: 'log' as const, pattern: 'x' } },
      { capabilities: ['NET_ADMIN'] },
      { egress: 'none' as const },
    ])
      expect(await driver.create({ ...spec(), ...over }, call())).toMatchObject({
        kind: 'refused',
        code: 'template_unfit',
      })
  })
})
