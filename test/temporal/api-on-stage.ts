import { createApp } from '../../api/app.ts'
import type { ApiSettings, HandoverSecrets } from '../../api/deps.ts'
import { createAccount } from '../../db/accounts.ts'
import type { Db } from '../../db/connect.ts'
import type { Listener } from '../../db/listen.ts'
import { createToken } from '../../db/tokens.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import { scopes } from '../../domain/authorization.ts'
import type { Role } from '../../domain/authorization.ts'
import type { Keyring } from '../../platform/keyring.ts'
import { createMetrics } from '../../platform/metrics.ts'
import {
  bodyDigest,
  createSecrets,
  handoverSecrets,
  invitationCode,
  providerSecrets,
  sessionParameters,
} from '../../platform/secrets.ts'
import { decodeForDisplay } from '../../platform/temporal/codec.ts'
import { callApp } from '../setup/api.ts'
import type { Answer, Ask } from '../setup/api.ts'

const unlogged = { info: () => {}, warn: () => {}, error: () => {} }

/** What of a stage the api stands on. */
export interface Books {
  readonly db: Db
  readonly keyring: Keyring
  readonly listener: Listener
}

/** The api on a stage's own database, so that what is asked of it is carried out by the stage's workers. */
export function apiOn(stage: Books, settings: Partial<ApiSettings> = {}) {
  const { db, keyring, listener } = stage
  const secrets = createSecrets(keyring)
  const app = createApp({
    db,
    listener,
    log: unlogged,
    metrics: createMetrics('api'),
    settings: {
      corsOrigins: [],
      rateLimitPerMinute: 100_000,
      doors: null,
      directDoors: true,
      codecCapability: null,
      temporalUiOrigin: null,
      development: true,
      providerNetworks: ['127.0.0.0/8'],
      ...settings,
    },
    digest: (text, keyId) => bodyDigest(keyring, text, keyId),
    openInstanceSecret: () => '',
    mintInstanceSecret: () => Buffer.alloc(0),
    sealParameters: (id, text) => secrets.encrypt(sessionParameters(id), text),
    sealProviderSecrets: (id, text) => secrets.encrypt(providerSecrets(id), text),
    sealInvitationCode: (id, code) => secrets.encrypt(invitationCode(id), code),
    // Sealed by a worker, of an object of this form.
    openHandover: (id, sealed) =>
      JSON.parse(secrets.decrypt(handoverSecrets(id), sealed).toString()) as HandoverSecrets,
    hawk: { host: 'carrel.test', port: 443, seal: () => Buffer.alloc(0), open: () => '' },
    decodePayloads: (payloads) => decodeForDisplay(keyring, payloads),
    isServing: () => true,
  })
  const account = async (...roles: Role[]): Promise<{ readonly id: AccountId; readonly token: string }> => {
    const id = newId('account')
    return await db.transaction().execute(async (trx) => {
      const nobody = { email: null, organisation: null, groups: [], posix: null }
      await createAccount(trx, { id, displayName: id, roles, ...nobody })
      const expiresAt = new Date(Date.now() + 3_600_000)
      const token = { id: newId('token'), accountId: id, client: 'test', name: 'test', scopes, expiresAt }
      return { id, token: await createToken(trx, token) }
    })
  }
  return {
    app,
    account,
    call: (method: string, path: string, ask?: Ask): Promise<Answer> => callApp(app, method, path, ask),
    close: () => app.streams.shutDown(),
  }
}
