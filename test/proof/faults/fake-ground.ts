import type { Client } from '@temporalio/client'
import type { Db } from '../../../db/connect.ts'
import { instanceName } from '../../../domain/ids.ts'
import type { ProviderId } from '../../../domain/ids.ts'
import { createFakeAccessBackend } from '../../../ports/access/fake/backend.ts'
import { createFakeAccessGateway } from '../../../ports/access/fake.ts'
import { createFakeBackend } from '../../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../../ports/compute/fake/provider.ts'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { plainTemplate } from '../../setup/template.ts'
import { listInstances } from '../balance.ts'
import { createGround } from './ground.ts'
import type { Ground } from './ground.ts'
import { plainTerms } from '../../setup/plain-terms.ts'

/** A backend in this process, with the driver that reaches it. */
export function createFakeStand(settleMs = 100) {
  const backend = createFakeBackend()
  const provider = createFakeProvider({ backend, endpoint: 'serve', settleMs })
  const desks = createFakeAccessBackend()
  return {
    backend,
    provider,
    access: createFakeAccessGateway({ backend: desks }),
    ground: (on: { readonly db: Db; readonly client: Client; readonly deploymentId: string }): Ground =>
      createGround({
        ...on,
        desks,
        like: 'fake' as ProviderId,
        instances: async () => await listInstances([provider], on.deploymentId),
        exit: (id) => backend.exit(instanceName(id, 1)),
        async strand(sessionId) {
          const spec: InstanceSpec = {
            ...plainTemplate,
            ...plainTerms,
            name: instanceName(sessionId, 1),
            deploymentId: on.deploymentId,
            sessionId,
            generation: 1,
            secret: 'nobody knows',
            resources: { sessions: 1, cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 },
            user: null,
            ports: [],
            mounts: [],
          }
          await provider.create(spec, { signal: AbortSignal.timeout(5_000) })
          return spec.name
        },
      }),
  }
}
