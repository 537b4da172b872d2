import { recordAudit } from '../../db/audit.ts'
import { issuerTokensOf, revokeBrowserSessions } from '../../db/browser-sessions.ts'
import type { Db } from '../../db/connect.ts'
import { takeLogoutToken } from '../../db/logout-tokens.ts'
import type { TokenId } from '../../domain/ids.ts'
import { change } from '../changes.ts'
import type { AppContext, Deed } from '../env.ts'
import { Problem } from '../problem.ts'
import type { Issuer, SignInDeps } from './issuers.ts'

/** Ends a browser session. Returns where its issuer's own is ended, if anywhere. */
export async function signOut(
  db: Db,
  deps: SignInDeps,
  deed: Deed,
  id: TokenId,
  returnUrl: string | null,
): Promise<string | null> {
  const kept = await issuerTokensOf(db, id)
  await change(db, deed, { kind: 'browser_session', id }, (trx) => revokeBrowserSessions(trx, { id }))
  const issuer = deps.issuers.find((one) => one.provider.issuer === kept?.issuer)
  if (kept === null || issuer === undefined || returnUrl === null) return null
  return await issuer.provider.signOutUrl(kept.tokens.length === 0 ? '' : deps.openTokens(id, kept.tokens), returnUrl)
}

/** Ends the browser sessions that an issuer's logout token names. Throws 400 where the token does not hold, or came before. */
export async function endByIssuer(c: AppContext, issuer: Issuer, token: string): Promise<void> {
  const { db, log } = c.var.services
  const notice = await issuer.provider.readLogout(token)
  if (notice.kind === 'unavailable') {
    log.warn({ issuer: issuer.id, detail: notice.detail }, 'An issuer’s keys cannot be read.')
    throw new Problem('unavailable', 'The keys that it is signed with cannot be read now. Send it again.')
  }
  if (notice.kind === 'invalid') {
    log.warn({ issuer: issuer.id, detail: notice.detail }, 'A logout token was refused.')
    throw refused()
  }
  await db.transaction().execute(async (trx) => {
    const { jti, sid, subject, expiresAt } = notice
    const { issuer: name } = issuer.provider
    if (!(await takeLogoutToken(trx, { issuer: name, jti, expiresAt }))) throw refused()
    const ended = await revokeBrowserSessions(
      trx,
      sid === null ? { issuer: name, subject: subject ?? '' } : { issuer: name, sid, subject },
    )
    await recordAudit(trx, {
      accountId: null,
      client: 'issuer',
      onBehalfOf: null,
      action: c.var.operation,
      subject: { kind: 'issuer', id: issuer.id },
      outcome: 'accepted',
      requestId: c.var.requestId,
      detail: { browserSessions: ended },
    })
  })
}

const refused = (): Problem => new Problem('malformed_request', 'The logout token is not one that is taken.')
