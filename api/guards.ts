import type { Context, MiddlewareHandler } from 'hono'
import { rights } from '../domain/authorization.ts'
import { auditAnswer, checkAttended, checkCapability, checkReach, checkRelation } from './access.ts'
import type { Guarded } from './access.ts'
import { authenticate, createTouches } from './authentication.ts'
import { checkBody } from './body.ts'
import type { AppContext, AppEnv } from './env.ts'
import { problemOf } from './failures.ts'
import { intentOf } from './intent.ts'
import { createRateLimit } from './rate-limit.ts'
import { createReporterGuard } from './reports/reporter.ts'

interface Before extends Guarded {
  readonly operationId: string
  readonly attended: boolean
  readonly hasBody: boolean
}

type Handle = (c: Context<AppEnv>) => Response | Promise<Response>

/** What stands before every handler, made once for the app. */
export interface Guards {
  /** Before validation. */
  before(route: Before): MiddlewareHandler<AppEnv>
  /** After validation. */
  around(
    route: Pick<Before, 'right' | 'subject'> & {
      readonly creates: boolean
      readonly reasoned: boolean
      readonly unsaid: readonly string[]
    },
    handle: Handle,
  ): Handle
}

export function createGuards(settings: { readonly rateLimitPerMinute: number }): Guards {
  const touches = createTouches()
  const limit = createRateLimit(settings.rateLimitPerMinute)
  const letReport = createReporterGuard()
  return {
    before: (route) =>
      async function guard(c: AppContext, next) {
        const { operationId, right, attended, hasBody } = route
        c.set('operation', operationId)
        if (rights[right].scope === null) {
          if (rights[right].relation === 'instance') {
            return await letReport(c, async () => {
              if (hasBody) await checkBody(c)
              await next()
            })
          }
          if (rights[right].relation === 'capability') checkCapability(c)
          if (hasBody) await checkBody(c)
          return await next()
        }
        const { principal, refusal } = await authenticate(c, touches, route.subject)
        c.set('principal', principal)
        await limit(c)
        await audited(c, route, async () => {
          if (refusal !== null) throw refusal
          checkReach(c, right)
          if (attended) checkAttended(c)
          if (hasBody) await checkBody(c)
          await next()
        })
      },
    around: ({ right, subject, creates, reasoned, unsaid }, handle) =>
      async function decide(c) {
        if (reasoned) c.set('said', withholding(validBody(c), unsaid))
        if (subject !== undefined) await checkRelation(c, right, subject)
        if (creates) c.set('intent', await intentOf(c))
        return await handle(c)
      },
  }
}

/** The body as its schema gave it, after validation. A handler's own context has its type; here it is whatever route it is. */
const validBody = (c: AppContext): Said => c.req.valid('json' as never)
type Said = Readonly<Record<string, unknown>>

/** What a command says, without the values of what may be secret: the audit is read by more people than may know them. */
function withholding(said: Said, unsaid: readonly string[]): Said {
  const kept = Object.entries(said).map(([name, value]): [string, unknown] => [
    name,
    unsaid.includes(name) ? namesIn(value) : value,
  ])
  return Object.fromEntries(kept)
}

const namesIn = (value: unknown): string[] => (typeof value === 'object' && value !== null ? Object.keys(value) : [])

/** Lets what happens inside happen, and audits how it ended; a refusal before `next` is thrown on. */
async function audited(c: AppContext, route: Guarded, inside: () => Promise<void>): Promise<void> {
  try {
    await inside()
  } catch (error) {
    c.set('code', problemOf(error).code)
    await auditAnswer(c, route)
    throw error
  }
  await auditAnswer(c, route)
}
