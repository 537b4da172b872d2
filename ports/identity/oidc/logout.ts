import { z } from 'zod'
import type { LogoutNotice } from '../identity-provider.ts'
import { libraries } from './discovered.ts'
import { detailOf, isInvalid, unavailable } from './failures.ts'
import type { OidcContext } from './provider.ts'
import { algorithms, skewSeconds } from './settings.ts'

const event = 'http://schemas.openid.net/event/backchannel-logout'
/** Older ones are not taken: so long each is remembered. */
const oldestSeconds = 120

const name = z.string().regex(/^[\x20-\x7e]{1,255}$/)
/** OpenID Connect Back-Channel Logout 1.0, 2.4: a nonce would make it an id token. */
const notice = z.object({
  iat: z.number(),
  jti: name,
  sid: name.optional(),
  sub: name.optional(),
  events: z.object({ [event]: z.record(z.string(), z.unknown()) }),
  nonce: z.undefined().optional(),
})

/** Reads a logout token. Whether it was sent before is the caller's to know. */
export async function readLogout({ settings, discovery }: OidcContext, token: string): Promise<LogoutNotice> {
  try {
    const { keys } = await discovery.find()
    const jose = await libraries.jose()
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
      issuer: settings.issuer,
      audience: settings.clientId,
      algorithms,
      clockTolerance: skewSeconds,
      maxTokenAge: oldestSeconds,
    })
    const type = protectedHeader.typ?.toLowerCase()
    if (type !== undefined && type !== 'jwt' && type !== 'logout+jwt') return invalid('it is of another type')
    const read = notice.safeParse(payload)
    if (!read.success)
      return invalid(`not a logout token: ${read.error.issues.map((i) => i.path.join('.')).join(', ')}`)
    const { jti, sid = null, sub: subject = null, iat } = read.data
    if (sid === null && subject === null) return invalid('it names neither a session nor a subject')
    const expiresAt = new Date((iat + oldestSeconds + 2 * skewSeconds) * 1_000)
    return { kind: 'logout', jti, sid, subject, expiresAt }
  } catch (error) {
    return isInvalid(error) ? invalid(detailOf(error)) : unavailable(error)
  }
}

const invalid = (detail: string): LogoutNotice => ({ kind: 'invalid', detail })
