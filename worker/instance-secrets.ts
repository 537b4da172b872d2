import { randomBytes } from 'node:crypto'
import type { InstanceSecrets } from '../activities/compute.ts'
import type { ParameterValue } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import { sessionParameters } from '../platform/secrets.ts'
import type { Secrets } from '../platform/secrets.ts'

const place = (key: SessionKey) => ({ table: 'instance', column: 'secret', id: `${key.sessionId}/${key.generation}` })

/** A new random secret per instance, sealed for its row; and what a session's owner gave in confidence. */
export const createInstanceSecrets = (secrets: Secrets): InstanceSecrets => ({
  mint: (key) => secrets.encrypt(place(key), randomBytes(32).toString('base64url')),
  open: (key, sealed) => secrets.decrypt(place(key), sealed).toString(),
  parameters: (key, sealed) =>
    sealed === null
      ? {}
      : // Sealed by the api from values that it had checked.
        (JSON.parse(secrets.decrypt(sessionParameters(key.sessionId), sealed).toString()) as Record<
          string,
          ParameterValue
        >),
})
