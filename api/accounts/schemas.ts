import { z } from '@hono/zod-openapi'
import type { Account } from '../../db/accounts.ts'
import type { Peer } from '../../db/account-search.ts'
import type { Identity } from '../../db/identities.ts'
import { roles } from '../../domain/authorization.ts'
import { mostGids, mostPosixId, posixSources, posixUserPattern } from '../../domain/posix.ts'
import { id, iso, isoOrNull, line, nullableTime, time } from '../fields.ts'

const posixId = z.int().min(1).max(mostPosixId)
const Posix = z
  .strictObject({
    user: z.string().regex(posixUserPattern, 'Expected a POSIX user name.'),
    uid: posixId,
    gid: posixId,
    gids: z.array(posixId).max(mostGids),
  })
  .openapi('Posix')

const email = z.email().max(254).nullable()
const groups = z.array(line(100)).max(100)
const someRoles = z.array(z.enum(roles)).min(1).max(3)

export const AccountCreate = z
  .strictObject({
    displayName: line(200),
    email: email.default(null),
    organisation: line(200).nullable().default(null),
    roles: someRoles.default(['member']),
    groups: groups.default([]),
    posix: Posix.nullable().default(null),
  })
  .openapi('AccountCreate')

export const AccountPatch = z
  .strictObject({ displayName: line(200), email, organisation: line(200).nullable(), groups })
  .partial()
  .openapi('AccountPatch')

export const RolesPut = z.strictObject({ roles: someRoles }).openapi('RolesPut')

export const PosixPut = z
  .strictObject({
    posix: Posix.nullable().openapi({ description: '`null`: none, and other sources may say it again' }),
    shared: z.boolean().default(false).openapi({
      description: 'Other accounts may be the same user, of which this is said as well. Else one user is one account',
    }),
  })
  .openapi('PosixPut')

/** Somebody as those see them who work with them. */
export const PersonDocument = z
  .strictObject({ id, displayName: z.string(), organisation: z.string().nullable() })
  .openapi('Person')

export const AccountDocument = z
  .object({
    id,
    displayName: z.string(),
    email: z.string().nullable(),
    organisation: z.string().nullable(),
    roles: z.array(z.string()),
    groups: z.array(z.string()),
    posix: Posix.nullable(),
    posixSource: z
      .string()
      .nullable()
      .openapi({ description: `Who said the POSIX user. Open to growth. Today: ${posixSources.join(', ')}.` }),
    posixShared: z.boolean(),
    personalProjectId: id,
    createdAt: time,
    disabledAt: nullableTime,
    eraseRequestedAt: nullableTime,
    erasedAt: nullableTime.openapi({ description: 'When what was personal in it was removed' }),
  })
  .openapi('Account')

export const AccountOrPerson = z.union([AccountDocument, PersonDocument])

export const presentAccount = (account: Account): z.infer<typeof AccountDocument> => ({
  id: account.id,
  displayName: account.displayName,
  email: account.email,
  organisation: account.organisation,
  roles: [...account.roles],
  groups: [...account.groups],
  posix: account.posix === null ? null : { ...account.posix, gids: [...account.posix.gids] },
  posixSource: account.posixSource,
  posixShared: account.posixShared,
  personalProjectId: account.personalProjectId,
  createdAt: iso(account.createdAt),
  disabledAt: isoOrNull(account.disabledAt),
  eraseRequestedAt: isoOrNull(account.eraseRequestedAt),
  erasedAt: isoOrNull(account.erasedAt),
})

export const presentPeer = ({ id: of, displayName, organisation }: Peer): z.infer<typeof PersonDocument> => ({
  id: of,
  displayName,
  organisation,
})

const issuer = line(500).openapi({ description: 'As it calls itself', example: 'https://login.example.org' })
const subject = line(255).openapi({ description: 'What the issuer calls the person, for ever' })

export const IdentityLink = z.strictObject({ issuer, subject }).openapi('IdentityLink')

export const IdentityDocument = z
  .object({
    issuer: z.string(),
    subject: z.string(),
    displayName: z.string().nullable(),
    email: z.string().nullable(),
    emailVerified: z.boolean(),
    createdAt: time,
    signedInAt: nullableTime,
  })
  .openapi('Identity')

export const presentIdentity = (identity: Identity): z.infer<typeof IdentityDocument> => ({
  issuer: identity.issuer,
  subject: identity.subject,
  displayName: identity.displayName,
  email: identity.email,
  emailVerified: identity.emailVerified,
  createdAt: iso(identity.createdAt),
  signedInAt: isoOrNull(identity.signedInAt),
})
