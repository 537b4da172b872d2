import type { ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { AppContext, AppEnv } from './env.ts'
import { nothingHere, Problem, problemAnswer } from './problem.ts'

/** Postgres is not there, is going away, or is too busy: SQLSTATE classes and codes, and Node's own codes of a connection. */
const unavailable = /^(08...|57P0[1-5]|53...|55P03|57014|40001|40P01|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND)$/
const unavailableTexts = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
  'Query read timeout',
  'Cannot use a pool after calling end',
]

/** Whether an error says that the database does not answer now. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.some(isUnavailable)) return true
  const code = 'code' in error ? String(error.code) : ''
  return unavailable.test(code) || unavailableTexts.some((text) => error.message.startsWith(text))
}

/** What any error is to the caller; only a `Problem` speaks for itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException) return problemOfStatus(error.status)
  if (isUnavailable(error)) return new Problem('unavailable', 'Carrel cannot reach its database. Try again soon.')
  return new Problem('internal', 'Something went wrong. The request id tells an operator what.')
}

/** The framework's own refusals. */
function problemOfStatus(status: number): Problem {
  if (status === 415) return new Problem('unsupported_media_type', 'Send the body as application/json.')
  if (status === 413) return new Problem('payload_too_large', 'The body is larger than is taken here.')
  if (status >= 400 && status < 500) return new Problem('malformed_request', 'The request could not be read.')
  return new Problem('internal', 'Something went wrong. The request id tells an operator what.')
}

/** Answers an error as a problem that belongs to the request so far: headers that were set stay. */
export function answerProblem(c: AppContext, problem: Problem): Response {
  c.set('code', problem.code)
  const { text, status, headers } = problemAnswer(problem, c.var.requestId)
  return c.body(text, status, headers)
}

export const onError: ErrorHandler<AppEnv> = (error, c) => {
  const problem = problemOf(error)
  if (problem.code === 'internal' || problem.code === 'unavailable') {
    const { requestId, operation, services } = c.var
    services.log.error({ err: error, requestId, operation }, 'A request failed.')
  }
  return answerProblem(c, problem)
}

/** What methods a path knows, to tell 405 from 404. */
export const onUnknown =
  (methodsOf: (path: string) => readonly string[]): NotFoundHandler<AppEnv> =>
  (c) => {
    const methods = methodsOf(c.req.path)
    if (methods.length === 0) return answerProblem(c, new Problem('not_found', nothingHere))
    const allow = methods.join(', ')
    return answerProblem(c, new Problem('method_not_allowed', `This address takes ${allow}.`, { headers: { allow } }))
  }
