import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { Ask, Person, TestApi } from './api.ts'

/** A provider as the API makes it: nothing answers at its address, and no worker asks. */
export const docker = (id: string) => ({
  id,
  kind: 'docker',
  networks: ['10.1.0.0/16'],
  settings: { dockerHost: 'tcp://10.1.2.3:2376', caCertificate: '-----BEGIN CERTIFICATE-----\nca' },
  secrets: {
    clientCertificate: '-----BEGIN CERTIFICATE-----\nclient',
    clientKey: '-----BEGIN PRIVATE KEY-----\nkey',
  },
  reason: 'A test.',
})

let made = 0
export const freshId = (): string => `d${Date.now().toString(36)}${(made += 1)}`

/** Requests of the registry of providers that nothing but rights would refuse. */
export function providerRequests(api: () => TestApi, owner: () => Person) {
  const why: Ask = { body: { reason: 'A test.' } }
  const make = async (): Promise<string> => {
    const admin = await api().person({ roles: ['admin'] })
    const { status, body } = await api().call('POST', '/v1/providers', { token: admin.token, body: docker(freshId()) })
    if (status !== 201) throw new Error(JSON.stringify(body))
    return body.id
  }
  return {
    createProvider: () => ({ path: '/v1/providers', ask: { body: docker(freshId()) } }),
    patchProvider: async () => ({
      path: `/v1/providers/${await make()}`,
      ask: { body: { startLimit: 2, reason: 'A test.' }, headers: { 'if-match': '*' } },
    }),
    disableProvider: async () => ({ path: `/v1/providers/${await make()}/disable`, ask: why }),
    enableProvider: async () => ({ path: `/v1/providers/${await make()}/enable`, ask: why }),
    checkProvider: () => ({
      path: '/v1/providers/fake/check',
      ask: { ...why, headers: { prefer: 'respond-async' } },
    }),
    listProviderChecks: () => ({ path: '/v1/providers/fake/checks' }),
    getProviderCheck: async () => {
      const id = newId('check')
      const row = { id, provider_id: 'fake' as ProviderId, requested_by: owner().id }
      await api().db.insertInto('provider_check').values(row).execute()
      return { path: `/v1/providers/fake/checks/${id}` }
    },
  }
}
