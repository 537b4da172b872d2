import type { DoorHost, DoorOrigins } from '../domain/doors.ts'
import { within } from '../platform/within.ts'
import { arrivalOf, mayCarryPass } from './admit.ts'
import { clearedCookie, passCandidates } from './cookies.ts'
import type { CookieRule } from './cookies.ts'
import type { DoorAccess, Doors, Verdict } from './doors.ts'
import { addressedDoor } from './host.ts'
import type { Live } from './live.ts'
import { noticeOf, notices } from './pages/notices.ts'
import type { Notice } from './pages/notices.ts'
import { askedOf } from './paths.ts'
import type { RawHeaders } from './raw-headers.ts'
import { tooMuch } from './request-headers.ts'

/** A request as it arrived, as far as it matters who may have it. */
export interface Arriving {
  readonly method: string
  readonly target: string
  readonly upgrade: boolean
  readonly raw: RawHeaders
}

/** What becomes of it. */
export type Entrance =
  | { readonly kind: 'session'; readonly access: DoorAccess; readonly origin: string; readonly target: string }
  /** What is Carrel's own on this host; whoever serves it asks for the access it needs. */
  | { readonly kind: 'carrel'; readonly host: DoorHost; readonly origin: string; readonly path: string }
  /** `headers`: beside those of every answer. */
  | { readonly kind: 'notice'; readonly notice: Notice; readonly headers: readonly string[] }

export type Admitted =
  | { readonly kind: 'open'; readonly access: DoorAccess }
  | { readonly kind: 'notice'; readonly notice: Notice; readonly headers: readonly string[] }

export interface Enter {
  (arriving: Arriving): Promise<Entrance>
  /** The same question for one of Carrel's own paths. */
  admit(arriving: Arriving, host: DoorHost, origin: string): Promise<Admitted>
}

export interface EnterDeps {
  readonly doors: Pick<Doors, 'check'>
  readonly origins: DoorOrigins
  readonly cookie: CookieRule
  readonly embedded: boolean
  readonly live: Pick<Live, 'countOf'>
  readonly warn: (message: string, error: unknown) => void
}

/** So many connections one pass has at most. */
const mostPerPass = 1_000
const checkMs = 5_000
/** The closer a verdict is to `open`, the more it tells somebody who has several passes. */
const telling: readonly Verdict['kind'][] = ['no_pass', 'no_access', 'ended', 'not_ready', 'open']

const noticed = (notice: Notice, headers: readonly string[] = []) => ({ kind: 'notice', notice, headers }) as const

/** Decides, in this order: how it is written, which door, whether another site asked, and what its pass is worth now. */
export function createEnter({ doors, origins, cookie, embedded, live, warn }: EnterDeps): Enter {
  const verdictOf = async (candidates: readonly string[], host: DoorHost): Promise<Verdict> => {
    let best: Verdict = { kind: 'no_pass' }
    for (const candidate of candidates) {
      const verdict = await within(checkMs, doors.check(candidate, host))
      if (verdict.kind === 'open') return verdict
      if (telling.indexOf(verdict.kind) > telling.indexOf(best.kind)) best = verdict
    }
    return best
  }

  const admit = async ({ method, upgrade, raw }: Arriving, host: DoorHost, origin: string): Promise<Admitted> => {
    const candidates = passCandidates(raw, cookie)
    if (candidates.length === 0) return noticed(notices.no_pass)
    if (!mayCarryPass(arrivalOf(method, upgrade, raw), origin, embedded)) return noticed(notices.foreign_origin)
    try {
      const verdict = await verdictOf(candidates, host)
      if (verdict.kind !== 'open')
        return noticed(noticeOf(verdict), verdict.kind === 'no_pass' ? ['Set-Cookie', clearedCookie(cookie)] : [])
      if (live.countOf(verdict.access.passId) >= mostPerPass) return noticed(notices.too_many_requests)
      return verdict
    } catch (error) {
      warn('A pass could not be checked.', error)
      return noticed(notices.unavailable)
    }
  }

  const enter = async (arriving: Arriving): Promise<Entrance> => {
    const { method, target, raw } = arriving
    const addressed = addressedDoor(raw, origins)
    if (addressed.kind === 'malformed') return noticed(notices.malformed_request)
    if (addressed.kind === 'elsewhere') return noticed(notices.door_unknown)
    if (tooMuch(raw)) return noticed(notices.headers_too_large)
    if (method === 'TRACE' || method === 'CONNECT') return noticed(notices.method_not_allowed)
    const asked = askedOf(target)
    if (asked.kind === 'malformed') return noticed(notices.malformed_request)
    const { host, origin } = addressed
    if (asked.kind === 'carrel') return { kind: 'carrel', host, origin, path: asked.path }
    const admitted = await admit(arriving, host, origin)
    if (admitted.kind === 'notice') return admitted
    return { kind: 'session', access: admitted.access, origin, target: asked.target }
  }

  return Object.assign(enter, { admit })
}
