import { z } from '@hono/zod-openapi'
import type { ErrorCode } from '../../domain/errors.ts'
import type { AppContext } from '../env.ts'

/** What went wrong, in the words of RFC 6749 (5.2), 8628 (3.5) and 8693 (2.2.2). */
export const oauthErrors = [
  'invalid_request',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'unsupported_grant_type',
  'authorization_pending',
  'slow_down',
  'access_denied',
  'expired_token',
] as const
export type OauthError = (typeof oauthErrors)[number]

/** A refusal as clients of those RFCs read it, with what problems of the api carry. */
export const OauthErrorDocument = z
  .object({
    error: z.string().openapi({ description: `Today: ${oauthErrors.join(', ')}`, example: 'invalid_request' }),
    error_description: z.string(),
    code: z.string().openapi({ description: 'As of problem documents', example: 'malformed_request' }),
    reason: z.string().optional().openapi({
      description: 'Of a token that holds and is not taken: as `signInError` of a sign-in',
      example: 'not_in_group',
    }),
    requestId: z.string(),
  })
  .openapi('OauthError')

export interface Refusal {
  readonly error: OauthError
  readonly description: string
  readonly reason?: string
}

const codes: Partial<Record<OauthError, ErrorCode>> = { access_denied: 'forbidden', expired_token: 'gone' }

/** Answers as those RFCs ask: 400 whatever it is, and JSON that is not a problem document. */
export function refuse(c: AppContext, { error, description, reason }: Refusal) {
  const code = codes[error] ?? (reason === undefined ? 'malformed_request' : 'forbidden')
  // Who waits as told does nothing wrong: that is no refusal in the figures.
  if (error !== 'authorization_pending') c.set('code', code)
  const { requestId } = c.var
  const why = reason === undefined ? {} : { reason }
  return c.json({ error, error_description: description, code, ...why, requestId }, 400)
}

/** A field of a form. What is no text, or too long, is told in the words of the RFCs, and not by the schema. */
export const field = (description: string, example?: string) =>
  z
    .unknown()
    .optional()
    .openapi({ type: 'string', description, ...(example === undefined ? {} : { example }) })

const text = z.string().min(1).max(16_384)

/** The fields of a form that are there; `null`: one is there twice, or is too long. An empty one is not there (RFC 6749, 3.2). */
export function fieldsOf(form: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> | null {
  const there = Object.entries(form).filter(([, value]) => value !== '' && value !== undefined)
  const read = z.record(z.string(), text).safeParse(Object.fromEntries(there))
  return read.success ? read.data : null
}
