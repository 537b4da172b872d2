import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { looksLikeTicket } from '../domain/doors.ts'
import type { DoorHost } from '../domain/doors.ts'
import { answerOf, jsonAnswer } from './answer.ts'
import type { OwnAnswer } from './answer.ts'
import { passCandidates, passCookie } from './cookies.ts'
import type { CookieRule } from './cookies.ts'
import type { Doors, Redeemed } from './doors.ts'
import { notices } from './pages/notices.ts'
import { valueOf } from './raw-headers.ts'

const longestBody = 1_024
const bodyMs = 10_000
const wish = z.strictObject({ ticket: z.string().max(64), replace: z.boolean().default(false) })

export interface RedeemDeps {
  readonly doors: Pick<Doors, 'redeem'>
  readonly cookie: CookieRule
  readonly answered: (code: string) => void
  readonly warn: (message: string, error: unknown) => void
  readonly now?: () => number
}

export type Redeem = (request: IncomingMessage, host: DoorHost, origin: string) => Promise<OwnAnswer>

/** Makes a pass of a ticket, for the door's own page alone. The pass is in the cookie and nowhere else. */
export function createRedeem({ doors, cookie, answered, warn, now = Date.now }: RedeemDeps): Redeem {
  const problem = (notice: (typeof notices)[keyof typeof notices]) => {
    answered(notice.code)
    return answerOf(notice, false, [])
  }
  return async (request, host, origin) => {
    const raw = request.rawHeaders
    if (request.method !== 'POST') return problem(notices.method_not_allowed)
    const site = valueOf(raw, 'sec-fetch-site')
    if (valueOf(raw, 'origin') !== origin || (site !== undefined && site !== 'same-origin'))
      return problem(notices.foreign_origin)
    if (!/^application\/json *(;|$)/i.test(valueOf(raw, 'content-type') ?? ''))
      return problem(notices.malformed_request)
    const asked = await readWish(request)
    if (asked === null) return problem(notices.malformed_request)
    if (!looksLikeTicket(asked.ticket)) return refused({ kind: 'refused', code: 'ticket_unknown' }, answered)
    const existing = asked.replace ? [] : passCandidates(raw, cookie)
    try {
      const redeemed = await doors.redeem(asked.ticket, host, existing)
      if (redeemed.kind === 'refused') return refused(redeemed, answered)
      const { pass, path, expiresAt } = redeemed
      return jsonAnswer(200, { path }, ['Set-Cookie', passCookie(cookie, pass, expiresAt - now())])
    } catch (error) {
      warn('A ticket could not be redeemed.', error)
      return problem(notices.unavailable)
    }
  }
}

function refused(
  { code, current, asked }: Redeemed & { kind: 'refused' },
  answered: (code: string) => void,
): OwnAnswer {
  answered(code)
  const names = code === 'other_account' ? { current, asked } : {}
  return jsonAnswer(code === 'other_account' ? 409 : 403, { code, ...names })
}

/** The body, which is small and comes at once. `null`: it is none, or does not fit. */
async function readWish(request: IncomingMessage): Promise<z.output<typeof wish> | null> {
  const chunks: Buffer[] = []
  let length = 0
  const timer = setTimeout(() => request.destroy(), bodyMs)
  try {
    // Whoever says too much is still answered.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > longestBody) return null
      chunks.push(chunk)
    }
    const parsed = wish.safeParse(JSON.parse(Buffer.concat(chunks).toString()))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}
