import { createRoute, z } from '@hono/zod-openapi'
import type { OpenAPIHono, RouteConfig, RouteHandler } from '@hono/zod-openapi'
import { needsRelation, rights } from '../domain/authorization.ts'
import type { Right } from '../domain/authorization.ts'
import type { About, RouteSubject } from './access.ts'
import type { AppEnv } from './env.ts'

import type { Guards } from './guards.ts'
import { IdempotencyHeaders } from './intent.ts'
import { problems } from './problem.ts'
import type { ProblemStatus } from './problem.ts'

export type App = OpenAPIHono<AppEnv>

export const tags = [
  'sessions',
  'events',
  'templates',
  'projects',
  'invitations',
  'quotas',
  'sign-in',
  'tokens',
  'accounts',
  'providers',
  'provisioner',
  'status',
  'operation',
] as const

type Contract = Omit<RouteConfig, 'path' | 'operationId' | 'summary' | 'tags' | 'middleware' | 'hide' | 'security'> & {
  readonly operationId: string
  readonly summary: string
  readonly tags: [(typeof tags)[number]]
  /** The row of the rights matrix that decides. */
  readonly right: Right
  /** What the right is about; rights that depend on it must name it. */
  readonly subject?: RouteSubject
  /** What the audit says that it is about: of routes that have no subject and are no list. */
  readonly about?: About
  /** A person does it, at a browser that is signed in: a token of whatever scope does not. */
  readonly attended?: true
  /** Takes `Idempotency-Key`: a POST that makes something. */
  readonly creates?: true
  /** Takes `If-Match`. */
  readonly replaces?: true
  /** Its body has a `reason`; the audit keeps it, and all else that the body says: nothing secret. */
  readonly reasoned?: true
  /** Members of its body whose values the audit never keeps, only the names of what is in them. */
  readonly unsaid?: readonly string[]
  /** Statuses of problems beside those that every route has. */
  readonly refusals?: readonly ProblemStatus[]
}

/** A route as the registry knows it. */
export interface Route {
  readonly operationId: string
  readonly method: string
  readonly path: string
  readonly right: Right
  readonly subject: RouteSubject | undefined
  readonly attended: boolean
  readonly creates: boolean
  readonly replaces: boolean
  readonly reasoned: boolean
  readonly mount: (app: App, guards: Guards) => void
}

/**
 * Ties a contract, the right it asks for and its handler together. The order of what happens is the same everywhere: who
 * calls, how often, whether this is within reach, is the body JSON, does it fit its schema, what is the caller to the thing,
 * what does the key stand for; then the handler.
 */
// P keeps the path a literal, of which the handler's parameters are made.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function route<P extends string, R extends Contract & { path: P }>(
  contract: R,
  handler: RouteHandler<R, AppEnv>,
): Route {
  const { right, subject, about, request, responses, refusals = [], ...marks } = contract
  const { attended = false, creates = false, replaces = false, reasoned = false, unsaid = [], ...rest } = marks
  if (needsRelation(right) && subject === undefined)
    throw new Error(`${contract.operationId}: the right ${right} is about a thing, and the route names none.`)
  const open = rights[right].scope === null
  if (!open && contract.method !== 'get' && subject === undefined && about === undefined)
    throw new Error(`${contract.operationId} changes something, and does not say what for the audit.`)
  const hasBody = request?.body?.content['application/json'] !== undefined
  const statuses: ProblemStatus[] = [
    ...(open ? [] : ([401, 403, 429] as const)),
    ...(contract.path.includes('{') || subject !== undefined ? ([404] as const) : []),
    ...(hasBody ? ([400, 413, 415] as const) : []),
    ...(request === undefined ? [] : ([422] as const)),
    ...(replaces ? ([412, 428] as const) : []),
    ...refusals,
    500,
    503,
  ]
  const ofInstances = rights[right].relation === 'instance' ? { security: [{ reportToken: [] }] } : {}
  const headers = creates ? IdempotencyHeaders : replaces ? MatchHeaders : undefined
  return {
    operationId: contract.operationId,
    method: contract.method.toUpperCase(),
    path: contract.path,
    right,
    subject,
    attended,
    creates,
    replaces,
    reasoned,
    mount(app, guards) {
      // The contract's own type is only of use to its handler, which was checked against it.
      const plain = rest as Omit<RouteConfig, 'responses' | 'request'>
      const config = createRoute({
        ...plain,
        ...(request === undefined && headers === undefined
          ? {}
          : { request: { ...request, ...(headers === undefined ? {} : { headers }) } }),
        responses: { ...responses, ...problems(statuses) },
        ...(open ? ofInstances : { security: [{ token: [] }] }),
        middleware: guards.before({ operationId: contract.operationId, right, subject, about, attended, hasBody }),
      })
      app.openapi(config, guards.around({ right, subject, creates, reasoned, unsaid }, handler as never) as never)
    },
  }
}

const MatchHeaders = z.object({
  // Not required by the schema: its absence is 428, not 422.
  'if-match': z.string().optional().openapi({ description: 'The ETag of what was read; required', example: '"3"' }),
})
