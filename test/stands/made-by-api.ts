import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { clientOf } from '../setup/site.ts'
import type { ProviderByApi, RealBackend } from './backend.ts'
import { wholeFlow } from './flow.ts'
import type { StandSite } from './site.ts'

const id = 'made'
const reason = 'A proof.'
/** A worker looks at the providers every 10 s at the latest. */
const patientMs = 120_000

/**
 * An administrator makes the provider through the API: first with credentials that the backend does not take, which its check
 * says, then with good ones, which it has nothing against. A template of the API then runs a whole session there.
 */
export async function madeByApi(stand: StandSite, backend: RealBackend, given: ProviderByApi): Promise<void> {
  const { api, site } = stand
  const ask = clientOf(api.url, site.admin.token)
  const post = (path: string, body: object) =>
    ask('POST', path, body, { 'idempotency-key': randomUUID(), prefer: 'wait=30' })
  const { kind, networks, startLimit } = backend.provider
  const { settings, secrets, refusedSecrets } = given

  const wanted = { id, kind, networks, startLimit, settings, secrets: refusedSecrets, draining: true, reason }
  const made = await post('/v1/providers', wanted)
  expect([made.status, made.body['origin'], made.body['secrets']]).toEqual([201, 'api', Object.keys(secrets)])
  const checked = async () => {
    const { body } = await post(`/v1/providers/${id}/check`, { reason })
    // As the api's document has it.
    const findings = body['findings'] as readonly { readonly code: string; readonly level: string }[]
    if (body['outcome'] === null) return ['it has not ended']
    return findings.filter(({ level }) => level === 'missing').map(({ code }) => code)
  }
  const patience = { timeout: patientMs, interval: 1_000 }
  await expect.poll(checked, patience).toContain('credentials_refused')

  const patched = await ask('PATCH', `/v1/providers/${id}`, { secrets, reason }, { 'if-match': '*' })
  expect(patched.status).toBe(200)
  await expect.poll(checked, patience).toEqual([])
  expect((await post(`/v1/providers/${id}/undrain`, { reason })).status).toBe(200)

  const template = await post('/v1/templates', { name: id, spec: { ...backend.template, provider: { id } } })
  expect(template.status).toBe(201)
  await wholeFlow({ ...stand, templateId: String(template.body['id']) }, backend)
  expect((await post(`/v1/providers/${id}/disable`, { reason })).status).toBe(200)
  const said = JSON.stringify([made.body, patched.body, (await ask('GET', `/v1/providers/${id}`)).body])
  for (const secret of [...Object.values(secrets), ...Object.values(refusedSecrets)]) expect(said).not.toContain(secret)
}
