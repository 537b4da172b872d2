import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { usualPosixRule } from '../../domain/posix.ts'
import { json, short, urlOf, wholeNumber } from './fields.ts'

const attribute = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, { error: 'must be the name of an attribute' })
const filterWith = (...places: readonly string[]) =>
  short(1_000).refine((text) => places.some((place) => text.includes(place)) && /^\(.*\)$/.test(text), {
    error: `must be a filter in parentheses with ${places.join(' or ')} in it`,
  })

const ldap = z.strictObject({
  url: urlOf(['ldap', 'ldaps'], 'ldaps://host[:port] or ldap://host[:port]'),
  startTls: z.boolean().default(true),
  caFile: short(4_096).optional(),
  bindDn: short(1_000).optional(),
  bindPassword: short(1_000).optional(),
  bindPasswordFile: short(4_096).optional(),
  base: short(1_000),
  filter: filterWith('{login}').default('(&(objectClass=posixAccount)(uid={login}))'),
  userAttribute: attribute.default('uid'),
  uidAttribute: attribute.default('uidNumber'),
  gidAttribute: attribute.default('gidNumber'),
  groups: z
    .strictObject({
      base: short(1_000),
      filter: filterWith('{user}', '{dn}').default('(&(objectClass=posixGroup)(memberUid={user}))'),
      gidAttribute: attribute.default('gidNumber'),
    })
    .optional(),
  timeoutMs: z.int().min(100).max(30_000).default(5_000),
})
type Ldap = z.output<typeof ldap>

const maxFileBytes = 1024 * 1024

/** What a small file holds; `null`: it cannot be read, or is none. */
function contentOf(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8')
    return text.trim() === '' || text.length > maxFileBytes ? null : text
  } catch {
    return null
  }
}

function check(given: Ldap, plain: boolean, report: (place: string, message: string) => void): void {
  if (given.url.startsWith('ldap:') && !given.startTls && !plain)
    report('startTls', 'must be true outside development, unless the address is ldaps:')
  if (given.caFile !== undefined && contentOf(given.caFile) === null)
    report('caFile', 'must name a readable file of certificates')
  if (given.bindPassword !== undefined && given.bindPasswordFile !== undefined)
    report('bindPassword', 'must not be set together with bindPasswordFile')
  const password = given.bindPassword ?? (given.bindPasswordFile && contentOf(given.bindPasswordFile))
  if (given.bindPasswordFile !== undefined && password === null)
    report('bindPasswordFile', 'must name a readable file that holds the password alone')
  // A bind without a password would be one as nobody, and look as if it were somebody.
  if ((given.bindDn === undefined) !== (password === undefined))
    report('bindDn', 'must be set together with bindPassword or bindPasswordFile')
}

const settingsOf = (given: Ldap) => ({
  url: given.url,
  startTls: given.startTls && given.url.startsWith('ldap:'),
  ca: given.caFile === undefined ? null : contentOf(given.caFile),
  bind:
    given.bindDn === undefined
      ? null
      : {
          dn: given.bindDn,
          password: given.bindPassword ?? contentOf(given.bindPasswordFile ?? '')?.replace(/\r?\n$/, '') ?? '',
        },
  people: {
    base: given.base,
    filter: given.filter,
    user: given.userAttribute,
    uid: given.uidAttribute,
    gid: given.gidAttribute,
  },
  groups:
    given.groups === undefined
      ? null
      : { base: given.groups.base, filter: given.groups.filter, gid: given.groups.gidAttribute },
  timeoutMs: given.timeoutMs,
})

const least = wholeNumber(1, 2_000_000_000)

/** Who people may be to the site's file systems, and who says it. */
export const posixPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_POSIX_MINIMUM_UID: least.default(usualPosixRule.minimumUid),
    CARREL_POSIX_MINIMUM_GID: least.default(usualPosixRule.minimumGid),
    CARREL_POSIX_CSV_FILE: z.string().max(4_096).optional(),
    CARREL_POSIX_LDAP: json(ldap).optional(),
  })
  .superRefine((env, context) => {
    const given = env.CARREL_POSIX_LDAP
    if (given === undefined) return
    check(given, env.CARREL_ENV === 'development', (place, message) =>
      context.addIssue({ code: 'custom', path: ['CARREL_POSIX_LDAP', place], message }),
    )
  })
  .transform((env) => ({
    rule: { minimumUid: env.CARREL_POSIX_MINIMUM_UID, minimumGid: env.CARREL_POSIX_MINIMUM_GID },
    csvFile: env.CARREL_POSIX_CSV_FILE ?? null,
    ldap: env.CARREL_POSIX_LDAP === undefined ? null : settingsOf(env.CARREL_POSIX_LDAP),
  }))
