import type { InstanceSecrets } from '../activities/compute.ts'
import { hashOf, newReportToken } from '../db/door-secrets.ts'
import type { ParameterValue } from '../domain/template.ts'
import { instanceSecret, newInstanceSecret, reportToken, sessionParameters } from '../platform/secrets.ts'
import type { Secrets } from '../platform/secrets.ts'

/** A new random secret per instance, sealed for its row; and what a session's owner gave in confidence. */
export const createInstanceSecrets = (secrets: Secrets): InstanceSecrets => ({
  mint: (key) => secrets.encrypt(instanceSecret(key), newInstanceSecret()),
  open: (key, sealed) => secrets.decrypt(instanceSecret(key), sealed).toString(),
  mintReport: (key) => {
    const token = newReportToken()
    return { sealed: secrets.encrypt(reportToken(key), token), hash: hashOf(token) }
  },
  openReport: (key, sealed) => secrets.decrypt(reportToken(key), sealed).toString(),
  parameters: (key, sealed) =>
    sealed === null
      ? {}
      : // Sealed by the api from values that it had checked.
        (JSON.parse(secrets.decrypt(sessionParameters(key.sessionId), sealed).toString()) as Record<
          string,
          ParameterValue
        >),
})
