import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

const cookieName = 'carrel-files'

/** The token that a request carries, and where: in its address, its `Authorization`, or our cookie. */
export function givenToken(
  url: URL,
  headers: IncomingHttpHeaders,
): { readonly token: string; readonly from: 'query' | 'header' | 'cookie' } | null {
  const query = url.searchParams.get('token')
  if (query !== null) return { token: query, from: 'query' }
  const header = /^(?:token|Bearer) (\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (header !== undefined) return { token: header, from: 'header' }
  const cookie = (headers.cookie ?? '')
    .split(/; */)
    .find((pair) => pair.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1)
  return cookie === undefined ? null : { token: decoded(cookie), from: 'cookie' }
}

/** What is no encoding of anything is no token. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

export const cookieOf = (token: string): string =>
  `${cookieName}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict`

/** Whether it is the token, in a time that tells nothing about it. An empty token is none. */
export const isToken = (given: string, token: string): boolean =>
  token !== '' && timingSafeEqual(digest(given), digest(token))

const digest = (text: string) => createHash('sha256').update(text).digest()
