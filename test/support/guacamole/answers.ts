/** What goes back over HTTP. `type: null`: no content type at all. */
export interface Answer {
  readonly status: number
  readonly type: string | null
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Ends a request early with this answer. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly answer: Answer
  constructor(answer: Answer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}

const jsonType = 'application/json'
export const json = (body: unknown, status = 200): Answer => ({ status, type: jsonType, body })
export const nothing: Answer = { status: 204, type: null }
export const text = (status: number, body: string): Refused => new Refused({ status, type: 'text/plain', body })
export const page = (status: number, allow?: string): Refused =>
  new Refused({
    status,
    type: 'text/html;charset=utf-8',
    body: `<!doctype html><html><head><title>HTTP Status ${status}</title></head><body><h1>HTTP Status ${status}</h1></body></html>`,
    ...(allow === undefined ? {} : { headers: { allow } }),
  })

interface More {
  readonly key?: string
  readonly variables?: object | null
  readonly expected?: readonly object[]
  readonly patches?: readonly object[]
}
const untranslated = 'APP.TEXT_UNTRANSLATED'
export const translatable = (message: string) => ({ key: untranslated, variables: { MESSAGE: message } })

function refusal(status: number, type: string, message: string, more: More = {}): Refused {
  const { key = untranslated, variables = { MESSAGE: message }, expected = null, patches = null } = more
  const translatableMessage = { key, variables }
  return new Refused(json({ message, translatableMessage, statusCode: null, expected, patches, type }, status))
}

export const badRequest = (message: string, more?: More) => refusal(400, 'BAD_REQUEST', message, more)
export const notFound = (id: string) => refusal(404, 'NOT_FOUND', `Not found: "${id}"`)
export const absent = (message: string) => refusal(404, 'NOT_FOUND', message)
export const denied = (message = 'Permission denied.') => refusal(403, 'PERMISSION_DENIED', message)
/** A dead token; the capital letter is the server's. */
export const dead = () => denied('Permission Denied.')
export const internal = () => refusal(500, 'INTERNAL_ERROR', 'Unexpected internal error')
export const unsupported = (message: string) => refusal(501, 'INTERNAL_ERROR', message)
export const tooLong = (name: string, max: number) =>
  refusal(
    413,
    'BAD_REQUEST',
    `The value provided for connection parameter "${name}" exceeds the maximum allowed length.`,
    {
      key: 'CONNECTION_PARAMETERS.DATABASE_PARAMETER_VALUE_TOO_LONG',
      variables: { PARAMETER_NAME: name, MAX_SIZE: max },
    },
  )

const userAndPassword = [
  { name: 'username', type: 'USERNAME' },
  { name: 'password', type: 'PASSWORD' },
]
export const invalidLogin = () => refusal(403, 'INVALID_CREDENTIALS', 'Invalid login', { expected: userAndPassword })
export const expiredPassword = () =>
  refusal(403, 'INSUFFICIENT_CREDENTIALS', 'Password has expired', {
    key: 'LOGIN.INFO_PASSWORD_EXPIRED',
    variables: null,
    expected: [
      ...userAndPassword,
      { name: 'new-password', type: 'PASSWORD' },
      { name: 'confirm-new-password', type: 'PASSWORD' },
    ],
  })
export const noLongerValid = () =>
  badRequest('User account is no longer valid.', { key: 'LOGIN.ERROR_NOT_VALID', variables: null })
export const banned = () =>
  refusal(429, 'BAD_REQUEST', 'Too many failed authentication attempts.', {
    key: 'LOGIN.ERROR_TOO_MANY_ATTEMPTS',
    variables: null,
  })
