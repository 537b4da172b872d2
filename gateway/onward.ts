import type { DoorAccess } from './doors.ts'
import { internalAuthorities, secretFinder } from './location.ts'
import type { RawHeaders } from './raw-headers.ts'
import { requestHeaders } from './request-headers.ts'
import type { Backward } from './response-headers.ts'

/** A request that was admitted to a session, and through which door. */
export interface Visit {
  readonly access: DoorAccess
  /** The door's own origin, as browsers say it. */
  readonly origin: string
  /** What is asked for, as it was written. */
  readonly target: string
  readonly clientAddress: string
  /** What its answer is to say besides, for cookies that did not fit. Name, value, name, value. */
  readonly forgetting?: readonly string[]
}

/** A visit as its session sees it, and what its answers are seen through. */
export interface Onward {
  readonly path: string
  readonly headers: string[]
  readonly back: Backward
}

export interface OnwardDeps {
  readonly frameAncestors: readonly string[]
  /** Opens the session's own secret. */
  readonly openSecret: (access: DoorAccess & { readonly secret: Buffer }) => string
}

const placeholder = '{secret}'
const written = /\{secret\}|%7Bsecret%7D/gi

/**
 * Fills in what the session knows its door by: in the header that the template names, and in the door's start path, where its
 * browser has the placeholder. `address`: where the session is reached.
 */
export function onward(
  { access, origin, target, clientAddress, forgetting = [] }: Visit,
  raw: RawHeaders,
  address: { readonly host: string; readonly port: number },
  { frameAncestors, openSecret }: OnwardDeps,
): Onward {
  const secret = access.secret === null ? null : openSecret({ ...access, secret: access.secret })
  const { spec, mode } = access
  const header = spec.secret
  const start = (mode === 'view' ? spec.readOnly?.path : undefined) ?? spec.path
  const { host: authority, protocol } = new URL(origin)
  return {
    path: filledPath(target, start, secret),
    headers: requestHeaders(raw, {
      authority,
      scheme: protocol === 'https:' ? 'https' : 'http',
      clientAddress,
      secret:
        header === undefined || secret === null
          ? null
          : { header: header.header, value: header.value.replaceAll(placeholder, () => secret) },
    }),
    back: {
      origin,
      internal: () =>
        internalAuthorities(
          [address.host, ...(access.endpoint === null ? [] : [access.endpoint.host])],
          [address.port, spec.port, ...(spec.readOnly === undefined ? [] : [spec.readOnly.port])],
        ),
      isTold: secretFinder(secret),
      frameAncestors,
      forgetting,
    },
  }
}

/** Only the door's own start path is filled in: no page can have the secret put where it likes. */
function filledPath(target: string, start: string | undefined, secret: string | null): string {
  if (secret === null || start === undefined || !start.includes(placeholder)) return target
  if (target.replace(written, placeholder) !== start) return target
  return start.replaceAll(placeholder, () => encodeURIComponent(secret))
}
