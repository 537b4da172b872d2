import { newId } from '../../../domain/ids.ts'
import { instanceName } from '../../../domain/ids.ts'
import { createOpenstackProvider } from '../../../ports/compute/openstack/provider.ts'
import { openstackSettings } from '../../../ports/compute/openstack/settings.ts'
import type { OpenstackSettings } from '../../../ports/compute/openstack/settings.ts'
import type { ComputeProvider, InstanceSpec } from '../../../ports/compute/provider.ts'
import type { FakeCloud } from '../../support/openstack/fake-cloud.ts'
import { plainSpec } from '../../setup/plain-spec.ts'

export const plainSettings = {
  authUrl: 'https://cloud.example.org:5000/v3',
  applicationCredentialId: 'id',
  applicationCredentialSecret: 'of the application',
  network: 'inside',
  gatewayNetworks: ['192.0.2.10/32'],
}

export const settingsOf = (more: Readonly<Record<string, unknown>> = {}): OpenstackSettings =>
  openstackSettings.parse({ ...plainSettings, ...more })

export const openCloud = (cloud: FakeCloud, more: Readonly<Record<string, unknown>> = {}): ComputeProvider =>
  createOpenstackProvider(
    settingsOf({ authUrl: cloud.authUrl, requestTimeoutMs: 20_000, takeOverMs: 500, lookAgainMs: 20, ...more }),
    {
      networks: ['10.0.0.0/8', '203.0.113.0/24'],
    },
  )

export const call = { signal: new AbortController().signal }

export function specOf(more: Partial<InstanceSpec> = {}): InstanceSpec {
  const sessionId = newId('session')
  return {
    ...plainSpec,
    name: instanceName(sessionId, 1),
    deploymentId: 'd7c1a3f0-0000-4000-8000-000000000001',
    sessionId,
    generation: 1,
    image: 'desk',
    secret: 'a secret of the session',
    resources: { sessions: 1, cpuMilli: 1_000, memoryMib: 512, diskMib: 10_240, gpus: 0 },
    terms: { openstack: { flavors: { small: 'm1.small' } } },
    ...more,
  }
}
