import { randomBytes } from 'node:crypto'
import type { InstanceSecrets } from '../activities/compute.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { SessionKey } from '../db/transitions.ts'

const place = (key: SessionKey) => ({ table: 'instance', column: 'secret', id: `${key.sessionId}/${key.generation}` })

/** A new random secret per instance, sealed for its row. */
export const createInstanceSecrets = (secrets: Secrets): InstanceSecrets => ({
  mint: (key) => secrets.encrypt(place(key), randomBytes(32).toString('base64url')),
  open: (key, sealed) => secrets.decrypt(place(key), sealed).toString(),
})
