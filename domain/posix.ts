/** Who somebody is to file systems and to what runs as their own user. */
export interface Posix {
  readonly user: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly gids: readonly number[]
}

/** The least numbers that a person may have at a site. */
export interface PosixRule {
  readonly minimumUid: number
  readonly minimumGid: number
}

export const usualPosixRule: PosixRule = { minimumUid: 1_000, minimumGid: 1_000 }

/** Who may say who somebody is, the strongest first: what a stronger one said, a weaker one does not change. */
export const posixSources = ['admin', 'claim', 'ldap', 'csv'] as const
export type PosixSource = (typeof posixSources)[number]

/** Whether what `by` says goes before what stands. `null`: an admin's, from before sources were kept. */
export const mayReplace = (standing: PosixSource | null, by: PosixSource): boolean =>
  posixSources.indexOf(by) <= posixSources.indexOf(standing ?? 'admin')

export interface PosixFault {
  /** A member, or a place in `gids`: `gids/2`. */
  readonly field: string
  readonly message: string
}

export const posixUserPattern = /^[a-z_][a-z0-9_-]{0,31}$/
/** Some backends know no larger ones. */
export const mostPosixId = 2_147_483_647
export const mostGids = 256
/** Of the system, whatever their number is. */
const systemUsers: readonly string[] = ['root', 'daemon', 'nobody', 'slurm', 'docker']
/** Nobody, and what 16 bits make of -1: whoever they stand for is not a person. */
const reservedIds: readonly number[] = [65_534, 65_535]

/** What is wrong with a POSIX user for this site; empty: it may be somebody's. Neither root nor a system's user or group ever is. */
export function checkPosix(posix: Posix, rule: PosixRule): PosixFault[] {
  const faults: PosixFault[] = []
  if (!posixUserPattern.test(posix.user)) faults.push({ field: 'user', message: 'Expected a POSIX user name.' })
  else if (systemUsers.includes(posix.user)) faults.push({ field: 'user', message: "This is a system's user." })
  faults.push(...checkId('uid', posix.uid, rule.minimumUid), ...checkId('gid', posix.gid, rule.minimumGid))
  if (posix.gids.length > mostGids) faults.push({ field: 'gids', message: `Expected at most ${mostGids} groups.` })
  else faults.push(...posix.gids.flatMap((gid, place) => checkId(`gids/${place}`, gid, rule.minimumGid)))
  return faults
}

function checkId(field: string, id: number, minimum: number): PosixFault[] {
  if (!Number.isSafeInteger(id)) return [{ field, message: 'Expected a whole number.' }]
  // Whatever a site's minimum is, 0 is root.
  const least = Math.max(1, minimum)
  if (id < least || id > mostPosixId) return [{ field, message: `Expected a number from ${least} to ${mostPosixId}.` }]
  return reservedIds.includes(id) ? [{ field, message: 'This number is reserved by systems.' }] : []
}

/** Whether both are the same to a file system: what is open to one is to the other. The order of groups means nothing. */
export function samePosix(one: Posix, other: Posix): boolean {
  const groups = ({ gids }: Posix) => [...new Set(gids)].sort((a, b) => a - b).join(' ')
  return one.user === other.user && one.uid === other.uid && one.gid === other.gid && groups(one) === groups(other)
}

/** What an outside system says of somebody. `none`: nothing. */
export type PosixReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'posix'; readonly posix: Posix }
  | { readonly kind: 'refused'; readonly faults: readonly PosixFault[] }

/** A user in an outside system's words: numbers may be text, and what is not known blank, `.` or absent. */
export interface PosixWords {
  readonly user?: unknown
  readonly uid?: unknown
  readonly gid?: unknown
  readonly gids?: unknown
}

/** Reads a user from outside. One without a uid is none; one that does not fit, even by one of its groups, is refused as a whole. */
export function readPosix({ user, uid, gid, gids }: PosixWords, rule: PosixRule): PosixReading {
  if (isUnknown(uid)) return { kind: 'none' }
  const posix: Posix = {
    user: typeof user === 'string' ? user.trim() : '',
    uid: numberOf(uid),
    gid: numberOf(gid),
    gids: listOf(gids).map(numberOf),
  }
  const faults = checkPosix(posix, rule)
  return faults.length > 0 ? { kind: 'refused', faults } : { kind: 'posix', posix: { ...posix, gids: unique(posix) } }
}

/**
 * Reads the POSIX user of an issuer's claim: an object `{user, uid, gid, gids}`, or as directories call it, `{uid, uidNumber,
 * gidNumber, gidNumbers}`. Anything else that is there is refused.
 */
export function posixOfClaim(claim: unknown, rule: PosixRule): PosixReading {
  if (isUnknown(claim)) return { kind: 'none' }
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim))
    return { kind: 'refused', faults: [{ field: '', message: 'Expected an object.' }] }
  // Its members are checked one by one.
  const words = claim as Readonly<Record<string, unknown>>
  const asDirectory = Object.hasOwn(words, 'uidNumber')
  return readPosix(
    asDirectory
      ? { user: words['uid'], uid: words['uidNumber'], gid: words['gidNumber'], gids: words['gidNumbers'] }
      : { user: words['user'], uid: words['uid'], gid: words['gid'], gids: words['gids'] },
    rule,
  )
}

const isUnknown = (word: unknown): boolean =>
  word === undefined || word === null || (typeof word === 'string' && ['', '.'].includes(word.trim()))

/** NaN of what is no number, which no check lets pass. */
function numberOf(word: unknown): number {
  if (typeof word === 'number') return word
  return typeof word === 'string' && /^\d{1,10}$/.test(word.trim()) ? Number(word) : Number.NaN
}

function listOf(word: unknown): readonly unknown[] {
  if (isUnknown(word)) return []
  if (Array.isArray(word)) return word
  return typeof word === 'string' ? word.split(/[\s;,]+/).filter((part) => part !== '') : [word]
}

const unique = ({ gid, gids }: Posix): number[] => [...new Set(gids)].filter((other) => other !== gid)
