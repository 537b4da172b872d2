import { RateLimiterMemory } from 'rate-limiter-flexible'
import { recordAudit } from '../../db/audit.ts'
import type { Executor } from '../../db/connect.ts'
import { looksLikeReportToken } from '../../db/door-secrets.ts'
import { findReporter } from '../../db/reports.ts'
import type { Reporter } from '../../db/reports.ts'
import type { ErrorCode } from '../../domain/errors.ts'
import type { AppContext } from '../env.ts'
import { problemOf } from '../failures.ts'
import { Problem } from '../problem.ts'

/** It says one thing, once: whoever says more only guesses. */
const perMinute = 20

/** Why it is not let in is told to nobody: there are no accounts behind such tokens that could want to know. */
const unknown = (): Problem =>
  new Problem('unauthenticated', 'The token is not one that something may be reported with.', {
    headers: { 'www-authenticate': 'Bearer realm="carrel-reports", error="invalid_token"' },
  })

/**
 * Lets an instance in that comes with its own token, and audits what is refused to it. One that nobody has costs a look at an index;
 * an instance may ask twenty times a minute, in each process. Throws 401, 429.
 */
export function createReporterGuard(): (c: AppContext, next: () => Promise<void>) => Promise<void> {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 })
  return async (c, next) => {
    const token = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    const reporter = looksLikeReportToken(token) ? await findReporter(c.var.services.db, token) : null
    if (reporter === null) throw unknown()
    await limiter.consume(`${reporter.key.sessionId}/${reporter.key.generation}`).catch(() => {
      throw new Problem('too_many_requests', 'One report is enough. Wait a minute.', {
        headers: { 'retry-after': '60' },
      })
    })
    c.set('reporter', reporter)
    try {
      await next()
    } catch (error) {
      c.set('code', problemOf(error).code)
      await auditRefused(c)
      throw error
    }
    await auditRefused(c)
  }
}

const audited: readonly ErrorCode[] = ['conflict', 'gone', 'invalid_request', 'malformed_request']

async function auditRefused(c: AppContext): Promise<void> {
  const { code, services, reporter } = c.var
  if (code !== null && audited.includes(code)) await auditReport(services.db, c, reporter, code)
}

/** The line of the audit: what an instance said of itself, without what it said. */
export async function auditReport(
  executor: Executor,
  c: AppContext,
  { key }: Reporter,
  code: ErrorCode | null,
): Promise<void> {
  await recordAudit(executor, {
    accountId: null,
    client: 'instance',
    onBehalfOf: null,
    action: c.var.operation,
    subject: { kind: 'session', id: key.sessionId },
    outcome: code === null ? 'accepted' : 'refused',
    requestId: c.var.requestId,
    ...(code === null ? {} : { code }),
    detail: { generation: key.generation },
  })
}
