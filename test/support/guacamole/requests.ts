import { badRequest, internal, page, text } from './answers.ts'
import type { Answer } from './answers.ts'
import type { Login, NodeState } from './node-state.ts'
import type { User } from './database.ts'

/** One HTTP request, read whole. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  readonly address: string
}
/** A request to a directory, by a login that lives. */
export interface DataRequest extends Request {
  readonly state: NodeState
  readonly login: Login
  readonly user: User
  /** What the path names, decoded. */
  readonly names: readonly string[]
}
export type Route = (request: DataRequest) => Answer | Promise<Answer>

/** The header's token, even a bad one, beats the query's. */
export const tokenOf = (request: Request): string | null =>
  request.headers['guacamole-token'] ?? request.query.get('token')

const mostBytes = 2 * 1024 * 1024
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parsed(request: Request): unknown {
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) throw page(415)
  if (request.body.length > mostBytes)
    throw text(
      400,
      'HTTP 413 Request Entity Too Large (through reference chain: org.apache.guacamole.rest.connection.APIConnection["parameters"]->java.util.LinkedHashMap["hostname"])',
    )
  if (request.body.length === 0) throw badRequest('Data must be submitted when creating objects.')
  try {
    return JSON.parse(request.body.toString()) as unknown
  } catch {
    throw text(
      400,
      `Unexpected end-of-input within/between Object entries\n at [Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: 1, column: ${request.body.length + 1}]`,
    )
  }
}

/** The body as an object. */
export function objectIn(request: Request): Record<string, unknown> {
  const body = parsed(request)
  if (!isRecord(body)) throw text(400, 'Cannot deserialize value')
  return body
}

export interface Patch {
  readonly op: string
  readonly path: string
  readonly value: unknown
}
/** The body as a list of patches of this (Java) type. */
export function patchesIn(request: Request, javaType: string): readonly Patch[] {
  const body = parsed(request)
  if (!Array.isArray(body))
    throw text(
      400,
      `Cannot deserialize value of type \`java.util.ArrayList<org.apache.guacamole.rest.jsonpatch.APIPatch<${javaType}>>\` from Object value (token \`JsonToken.START_OBJECT\`)\n at [Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: 1, column: 1]`,
    )
  return body.map((patch: unknown) => {
    if (!isRecord(patch)) throw text(400, 'Cannot deserialize value')
    return { op: textOf(patch.op) ?? '', path: textOf(patch.path) ?? '', value: patch.value }
  })
}

/** Numbers and booleans become text; `null` where there is nothing or no text in it. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

/** A map of texts, as sent. Throws 500 where it is missing, as the server does for `attributes`. */
export function textsOf(value: unknown): Record<string, string | null> {
  if (!isRecord(value)) throw internal()
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, textOf(v)]))
}
export const given = (value: unknown): boolean => value !== undefined && value !== null
export const record = (value: unknown): Record<string, unknown> => {
  if (!isRecord(value)) throw internal()
  return value
}
/** Without what is empty or null. */
export const kept = (texts: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).filter((e): e is [string, string] => e[1] !== null && e[1] !== ''))
