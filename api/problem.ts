import { z } from '@hono/zod-openapi'
import type { RouteConfig } from '@hono/zod-openapi'
import type { Violation } from '../domain/admission.ts'
import { errorCodes } from '../domain/errors.ts'
import type { ErrorCode } from '../domain/errors.ts'
import { payerKinds } from '../domain/admission.ts'
import { resourceNames } from '../domain/resources.ts'

/** One thing that is wrong with the request. `pointer` is a JSON pointer into what `in` names. */
export interface Fault {
  readonly in: 'body' | 'query' | 'header' | 'path'
  readonly pointer: string
  readonly message: string
}

interface More {
  readonly errors?: readonly Fault[]
  readonly violations?: readonly Violation[]
  readonly headers?: Readonly<Record<string, string>>
  /** Until when it should last; `null`: nobody knows. */
  readonly until?: Date | null
}

/** An answer that is a problem document. Thrown inside a transaction it undoes it. `message` is read by users. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ErrorCode
  readonly more: More

  constructor(code: ErrorCode, message: string, more: More = {}) {
    super(message)
    this.code = code
    this.more = more
  }
}

const titles: Record<ErrorCode, string> = {
  malformed_request: 'The request is not well formed',
  unauthenticated: 'Not signed in',
  sign_in_refused: 'Not signed in',
  forbidden: 'Not allowed',
  exceeds_limit: 'More than a limit could ever allow',
  sharing_off: 'Not to be shared',
  cross_site: 'From a page of another origin',
  browser_required: 'Only from a browser that is signed in',
  untrusted_proxy: 'Not through the proxy',
  sign_in_forbidden: 'No account here',
  not_authorized: 'Not without an experiment',
  terms_not_accepted: 'The terms of use have not been accepted',
  email_differs: 'Meant for another e-mail address',
  not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  request_timeout: 'The request took too long to arrive',
  quota_exceeded: 'A quota is used up',
  conflict: 'Not possible as things stand',
  name_taken: 'The name is taken',
  already_invited: 'Invited already',
  invitation_over: 'The invitation is over',
  identity_taken: 'Somebody else’s identity',
  configured: 'Made by the configuration of the site',
  not_ready: 'The session is not ready',
  not_paused: 'The session is not paused',
  experiment_closed: 'Not the time for its data',
  experiment_in_use: 'One session at a time',
  pause_failed: 'The session could not be paused',
  resume_failed: 'The session could not be resumed',
  transfer_unfit: 'The session cannot go on under that owner',
  posix_taken: 'Another account is that POSIX user',
  gone: 'No longer kept',
  precondition_failed: 'It was changed meanwhile',
  payload_too_large: 'The request is too large',
  unsupported_media_type: 'The media type is not supported',
  invalid_request: 'The request is not valid',
  idempotency_key_reused: 'The idempotency key stands for another request',
  unknown_parameter: 'The template has no such parameter',
  template_inactive: 'The template is not active',
  mode_unsupported: 'The door has no such mode',
  door_unknown: 'The session has no such door',
  door_refused: 'The gateway does not open this door',
  members_only: 'To be shared with members of the project alone',
  provider_unknown: 'No provider is in service for this',
  provider_unfit: 'No provider can do this',
  pause_unsupported: 'Its provider pauses nothing',
  precondition_required: 'If-Match is required',
  too_many_requests: 'Too many requests',
  headers_too_large: 'The headers are too large',
  internal: 'Something went wrong inside Carrel',
  unavailable: 'Unavailable at the moment',
  user_office_unavailable: 'The user office does not answer',
  maintenance: 'Under maintenance',
}

const FaultDocument = z
  .object({
    in: z.enum(['body', 'query', 'header', 'path']),
    pointer: z.string().openapi({ description: 'JSON pointer into what `in` names', example: '/templateId' }),
    message: z.string(),
  })
  .openapi('Fault')

export const ViolationDocument = z
  .object({
    payer: z.object({ kind: z.enum(payerKinds), id: z.string() }),
    resource: z.enum(resourceNames),
    limit: z.int(),
    used: z.int(),
    requested: z.int(),
  })
  .openapi('Violation')

/** RFC 9457, with our members. */
export const ProblemDocument = z
  .object({
    type: z.string().openapi({ example: 'urn:carrel:problem:quota_exceeded' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({
      description: `Open to growth. Today: ${Object.keys(errorCodes).join(', ')}.`,
      example: 'quota_exceeded',
    }),
    requestId: z.string(),
    errors: z.array(FaultDocument).optional(),
    violations: z.array(ViolationDocument).optional(),
    until: z.iso.datetime().nullable().optional().openapi({ description: 'Of `maintenance`: when it should be over' }),
  })
  .openapi('Problem')

/** When a caller who finds something unavailable may try again, unless the problem says better. */
const retryAfterSeconds = '5'

/** A problem as it is answered; what operators read never comes here. */
export function problemAnswer(problem: Problem, requestId: string) {
  const status: ProblemStatus = errorCodes[problem.code]
  const { errors, violations, headers, until } = problem.more
  const document = {
    type: `urn:carrel:problem:${problem.code}`,
    title: titles[problem.code],
    status,
    detail: problem.message,
    code: problem.code,
    requestId,
    ...(errors === undefined ? {} : { errors }),
    ...(violations === undefined ? {} : { violations }),
    ...(until === undefined ? {} : { until: until?.toISOString() ?? null }),
  }
  const again = status === 503 ? { 'retry-after': retryAfterSeconds } : {}
  const type = { 'content-type': 'application/problem+json' }
  return { status, text: JSON.stringify(document), headers: { ...type, ...again, ...headers } }
}

export type ProblemStatus = (typeof errorCodes)[ErrorCode]

/** The documented problem answers of these statuses. */
export function problems(statuses: readonly ProblemStatus[]): RouteConfig['responses'] {
  const ofStatus = (status: ProblemStatus) =>
    (Object.keys(errorCodes) as ErrorCode[]).filter((code) => errorCodes[code] === status)
  return Object.fromEntries(
    [...new Set(statuses)].map((status) => [
      status,
      {
        description: `A problem: ${ofStatus(status).join(', ')}`,
        content: { 'application/problem+json': { schema: ProblemDocument } },
      },
    ]),
  )
}

/** `invalid_request` for one place of the body. */
export const invalid = (pointer: string, message: string, code: ErrorCode = 'invalid_request'): Problem =>
  new Problem(code, message, { errors: [{ in: 'body', pointer, message }] })

export const notFound = (what: string): Problem => new Problem('not_found', `There is no such ${what}.`)

/** Nothing is written any more into an account that is to be erased. */
export const accountLeaves = (): Problem => new Problem('forbidden', 'The account is being erased.')

/** What an unknown address answers; one that hides itself answers the same. */
export const nothingHere = 'There is nothing at this address.'
