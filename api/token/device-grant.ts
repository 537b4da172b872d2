import { pollDevice } from '../../db/device-authorizations.ts'
import type { Polled } from '../../db/device-authorizations.ts'
import { createToken } from '../../db/tokens.ts'
import type { AppContext } from '../env.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'
import type { OauthError, Refusal } from './answers.ts'
import { auditIssued } from './exchange.ts'
import type { Issued } from './exchange.ts'

const dayMs = 24 * 60 * 60 * 1_000

const texts: Readonly<Record<Exclude<Polled['kind'], 'fetch'>, string>> = {
  authorization_pending: 'Nobody has answered yet.',
  slow_down: 'Ask less often: wait five seconds more between two times from now on.',
  access_denied: 'It was denied.',
  expired_token: 'Nobody answered in time. Begin anew.',
  invalid_grant: 'There is no such device_code, or its token was fetched.',
}

const refusalOf = (error: Extract<OauthError, keyof typeof texts>): Refusal => ({ error, description: texts[error] })

/** What came of a device sign-in (RFC 8628, 3.4); approved, its token, once. */
export async function fetchDeviceToken(
  c: AppContext,
  deps: SignInDeps,
  form: Readonly<Record<string, string>>,
): Promise<Issued | Refusal> {
  const { device_code: deviceCode, client_id: clientId } = form
  if (deviceCode === undefined || clientId === undefined)
    return { error: 'invalid_request', description: 'Send the device_code, and the client_id that asked for it.' }
  return await c.var.services.db.transaction().execute(async (trx): Promise<Issued | Refusal> => {
    const polled = await pollDevice(trx, deviceCode, clientId)
    if (polled.kind !== 'fetch') return refusalOf(polled.kind)
    const { tokenId: id, accountId, client, scopes } = polled
    const expiresAt = new Date(Date.now() + deps.deviceTokenDays * dayMs)
    const name = `Device sign-in of ${client}`
    const secret = await createToken(trx, { id, accountId, client, name, scopes, expiresAt })
    await auditIssued(c, trx, { accountId, client }, { token: id, scopes })
    return { secret, expiresAt, scopes }
  })
}
