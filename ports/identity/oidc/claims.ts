import type { IdentityClaims } from '../../../domain/sign-in.ts'
import type { OidcSettings } from './settings.ts'

/** What an issuer says of somebody, by its names. */
export type Said = Readonly<Record<string, unknown>>

const mostGroups = 2_000
const longestLine = 200
const longestEmail = 254
const mostPosix = 16_384

/** Reads what was said under our names; what is of another kind than it should be was not said. `null`: it names nobody. */
export function readClaims(said: Said, settings: OidcSettings, groups: readonly string[]): IdentityClaims | null {
  const { claims: names } = settings
  const subject = subjectOf(said)
  if (subject === null) return null
  const email = emailOf(said['email'])
  return {
    issuer: settings.issuer,
    subject,
    displayName: nameOf(said, names.name),
    email,
    emailVerified: email !== null && (settings.emailsAreVerified || said['email_verified'] === true),
    organisation: names.organisation === null ? null : lineOf(said[names.organisation], longestLine),
    groups,
    officeLogin: names.officeLogin === null ? null : loginOf(said[names.officeLogin]),
    posix: names.posix === null ? null : posixOf(said[names.posix]),
  }
}

/** Printable ASCII of at most 255 characters (OpenID Connect Core, 2). */
const name = /^[\x20-\x7e]{1,255}$/

/** Whom it is about; `null`: nobody. */
export const subjectOf = ({ sub }: Said): string | null => nameIn(sub)

/** The issuer's name for its own session; `null`: it has none. */
export const sessionOf = ({ sid }: Said): string | null => nameIn(sid)

const nameIn = (value: unknown): string | null => (typeof value === 'string' && name.test(value) ? value : null)

/** The groups that a claim lists; `null`: it lists none. */
export function groupsOf(value: unknown): readonly string[] | null {
  const list: unknown[] | null = typeof value === 'string' ? [value] : Array.isArray(value) ? value : null
  if (list === null) return null
  return list
    .filter((entry): entry is string => typeof entry === 'string' && entry.length <= longestLine)
    .slice(0, mostGroups)
}

function nameOf(said: Said, claim: string): string {
  const both = [said['given_name'], said['family_name']].filter((part) => typeof part === 'string').join(' ')
  for (const candidate of [said[claim], both, said['preferred_username']]) {
    const line = lineOf(candidate, longestLine)
    if (line !== null) return line
  }
  return 'Researcher'
}

/** An address is one as a whole: what is left of a longer one is another's. */
function emailOf(value: unknown): string | null {
  const line = lineOf(value, longestEmail + 1)
  return line !== null && line.length <= longestEmail && /^[^@\s]+@[^@\s]+$/.test(line) ? line : null
}

/** A login is compared as a whole: one that is too long, or holds what no login does, is none. A list of one is that one. */
function loginOf(value: unknown): string | null {
  const one: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  return typeof one === 'string' && /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/.test(one) ? one : null
}

function posixOf(value: unknown): unknown {
  if (value === undefined || value === null) return null
  return JSON.stringify(value).length > mostPosix ? null : value
}

const lineOf = (value: unknown, most: number): string | null => {
  if (typeof value !== 'string') return null
  const line = value
    .replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, ' ')
    .trim()
    .slice(0, most)
    .toWellFormed()
  return line === '' ? null : line
}
