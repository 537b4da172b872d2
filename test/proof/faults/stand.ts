import type { Client } from '@temporalio/client'
import type { Db } from '../../../db/connect.ts'
import { createFakeAccessBackend } from '../../../ports/access/fake/backend.ts'
import { createFakeAccessGateway } from '../../../ports/access/fake.ts'
import { fakeProofBackend } from '../backend.ts'
import type { ProofBackend } from '../backend.ts'
import { createGround } from './ground.ts'
import type { Ground } from './ground.ts'

/** A backend, and a gateway outside in this process, with the drivers that reach them. */
export function createStand(backend: ProofBackend) {
  const desks = createFakeAccessBackend()
  return {
    provider: backend.provider,
    access: createFakeAccessGateway({ backend: desks }),
    ground: (on: { readonly db: Db; readonly client: Client; readonly deploymentId: string }): Ground =>
      createGround({ ...on, desks, backend }),
  }
}

/** All of it in this process. */
export const createFakeStand = (settleMs?: number) => createStand(fakeProofBackend(settleMs))
