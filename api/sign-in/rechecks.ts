import { setTimeout as delay } from 'node:timers/promises'
import { recordAudit } from '../../db/audit.ts'
import { revokeBrowserSessions } from '../../db/browser-sessions.ts'
import type { Db } from '../../db/connect.ts'
import { declareGates } from '../../db/gate.ts'
import { claimDue, prolong } from '../../db/rechecks.ts'
import type { DueSession, WhichIssuers } from '../../db/rechecks.ts'
import { isInOneOf } from '../../domain/sign-in.ts'
import type { Log } from '../deps.ts'
import { gatesOf } from './issuers.ts'
import type { SignInDeps } from './issuers.ts'
import { withdrawAccess } from './withdrawal.ts'

const everyMs = 15_000
const atOnce = 5

export interface Rechecks {
  /** Asks issuers about the browser sessions that are due now, once the database knows where groups decide. Returns of how many. */
  runOnce(): Promise<number>
  start(): { stop(): Promise<void> }
}

export interface RecheckDeps {
  readonly db: Db
  readonly log: Log
  readonly signIn: SignInDeps
}

/**
 * Asks issuers again, where groups decide, about everybody who is signed in and active, or has programs: what they said counts for 15 minutes.
 * Who has left the groups has nothing any more, and whom the issuer knows no more is signed out, at once; where the issuer does not answer, the
 * browser session ends by itself when the 15 minutes are over, and programs wait for its next word.
 */
export function createRechecks({ db, log, signIn }: RecheckDeps): Rechecks {
  const recheck = async (due: DueSession): Promise<void> => {
    const issuer = signIn.issuers.find((one) => one.provider.issuer === due.issuer)
    // Taken out of the configuration: it stands for nobody any more.
    if (issuer === undefined) return await end(due, 'its issuer is not configured')
    if (due.tokens.length === 0) return await end(due, 'there is nothing to ask with')
    const answer = await issuer.provider.recheck(signIn.openTokens(due.id, due.tokens), due.subject)
    switch (answer.kind) {
      case 'unavailable':
        return log.warn({ issuer: issuer.id, detail: answer.detail }, 'An issuer does not say who is in its groups.')
      case 'over':
        return await end(due, answer.detail)
      case 'known': {
        const allowed = issuer.allowedGroups
        if (allowed !== null && !isInOneOf(answer.groups, allowed)) {
          await withdrawAccess(db, issuer, { subject: due.subject, at: null, client: 'recheck', requestId: null })
          return await end(due, 'not in its groups any more')
        }
        const tokens = signIn.sealTokens(due.id, answer.tokens)
        return await db.transaction().execute((trx) => prolong(trx, due.id, tokens))
      }
      default:
        return answer satisfies never
    }
  }

  const end = async (due: DueSession, why: string): Promise<void> => {
    await db.transaction().execute(async (trx) => {
      await revokeBrowserSessions(trx, { id: due.id })
      await recordAudit(trx, {
        accountId: null,
        client: 'recheck',
        onBehalfOf: null,
        action: 'endBrowserSession',
        subject: { kind: 'browser_session', id: due.id },
        outcome: 'accepted',
        requestId: null,
        detail: { accountId: due.accountId, why },
      })
    })
  }

  const gated = gatesOf(signIn).flatMap(({ issuer, holdsSeconds }) => (holdsSeconds === null ? [] : [issuer]))
  /** Each issuer by itself: nobody waits for one that does not answer. */
  const queues: readonly WhichIssuers[] = [...gated.map((issuer) => ({ issuer })), { but: gated }]

  const look = async (which: WhichIssuers): Promise<number> => {
    await declareGates(db, gatesOf(signIn))
    const due = await claimDue(db, which, atOnce)
    await Promise.all(
      due.map(async (session) => {
        try {
          await recheck(session)
        } catch (err) {
          log.warn({ err, browserSession: session.id }, 'A browser session could not be checked again.')
        }
      }),
    )
    return due.length
  }

  return {
    async runOnce() {
      const done = await Promise.all(queues.map(look))
      return done.reduce((sum, one) => sum + one, 0)
    },
    start() {
      const stopping = new AbortController()
      const loop = async (which: WhichIssuers) => {
        while (!stopping.signal.aborted) {
          const done = await look(which).catch((err: unknown) => {
            log.warn({ err }, 'Browser sessions could not be looked at.')
            return 0
          })
          // More may be due than are taken at once.
          if (done < atOnce) await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {})
        }
      }
      const running = Promise.all(queues.map(loop))
      return {
        async stop() {
          stopping.abort()
          await running
        },
      }
    },
  }
}
