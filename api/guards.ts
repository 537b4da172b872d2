import type { Context, MiddlewareHandler } from 'hono'
import type { Right } from '../domain/rights.ts'
import { rights } from '../domain/rights.ts'
import { auditAnswer, checkCapability, checkReach, checkRelation } from './access.ts'
import type { RouteSubject } from './access.ts'
import { authenticate, createTouches } from './authentication.ts'
import { checkBody } from './body.ts'
import type { AppContext, AppEnv } from './env.ts'
import { problemOf } from './failures.ts'
import { intentOf } from './intent.ts'
import { createRateLimit } from './rate-limit.ts'

interface Before {
  readonly operationId: string
  readonly right: Right
  readonly subject: RouteSubject | undefined
  readonly hasBody: boolean
}

type Handle = (c: Context<AppEnv>) => Response | Promise<Response>

/** What stands before every handler, made once for the app. */
export interface Guards {
  /** Before validation. */
  before(route: Before): MiddlewareHandler<AppEnv>
  /** After validation. */
  around(
    route: Pick<Before, 'right' | 'subject'> & { readonly creates: boolean; readonly reasoned: boolean },
    handle: Handle,
  ): Handle
}

export function createGuards(settings: { readonly rateLimitPerMinute: number }): Guards {
  const touches = createTouches()
  const limit = createRateLimit(settings.rateLimitPerMinute)
  return {
    before: ({ operationId, right, subject, hasBody }) =>
      async function guard(c: AppContext, next) {
        c.set('operation', operationId)
        if (rights[right].scope === null) {
          if (rights[right].relation === 'capability') checkCapability(c)
          if (hasBody) await checkBody(c)
          return await next()
        }
        const { principal, refusal } = await authenticate(c, touches)
        c.set('principal', principal)
        await limit(c)
        await audited(c, right, subject, async () => {
          if (refusal !== null) throw refusal
          checkReach(c, right)
          if (hasBody) await checkBody(c)
          await next()
        })
      },
    around: ({ right, subject, creates, reasoned }, handle) =>
      async function decide(c) {
        if (reasoned) c.set('reason', (await c.req.json<{ reason: string }>()).reason.trim())
        if (subject !== undefined) await checkRelation(c, right, subject)
        if (creates) c.set('intent', await intentOf(c))
        return await handle(c)
      },
  }
}

/** Lets what happens inside happen, and audits how it ended; a refusal before `next` is thrown on. */
async function audited(
  c: AppContext,
  right: Right,
  subject: RouteSubject | undefined,
  inside: () => Promise<void>,
): Promise<void> {
  try {
    await inside()
  } catch (error) {
    c.set('code', problemOf(error).code)
    await auditAnswer(c, right, subject)
    throw error
  }
  await auditAnswer(c, right, subject)
}
