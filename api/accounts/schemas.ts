import { z } from '@hono/zod-openapi'
import type { Account } from '../../db/accounts.ts'
import { roles } from '../../domain/authorization.ts'
import { id, iso, isoOrNull, line, nullableTime, time } from '../fields.ts'

const posixId = z.int().min(1).max(4_294_967_294)
const Posix = z
  .strictObject({
    user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'Expected a POSIX user name.'),
    uid: posixId,
    gid: posixId,
    gids: z.array(posixId).max(256),
  })
  .openapi('Posix')

export const AccountCreate = z
  .strictObject({
    displayName: line(200),
    email: z.email().max(254).nullable().default(null),
    organisation: line(200).nullable().default(null),
    roles: z.array(z.enum(roles)).min(1).max(3).default(['member']),
    groups: z.array(line(100)).max(100).default([]),
    posix: Posix.nullable().default(null),
  })
  .openapi('AccountCreate')

export const AccountDocument = z
  .object({
    id,
    displayName: z.string(),
    email: z.string().nullable(),
    organisation: z.string().nullable(),
    roles: z.array(z.string()),
    groups: z.array(z.string()),
    posix: Posix.nullable(),
    personalProjectId: id,
    createdAt: time,
    disabledAt: nullableTime,
    eraseRequestedAt: nullableTime,
    erasedAt: nullableTime.openapi({ description: 'When what was personal in it was removed' }),
  })
  .openapi('Account')

export const presentAccount = (account: Account): z.infer<typeof AccountDocument> => ({
  id: account.id,
  displayName: account.displayName,
  email: account.email,
  organisation: account.organisation,
  roles: [...account.roles],
  groups: [...account.groups],
  posix: account.posix === null ? null : { ...account.posix, gids: [...account.posix.gids] },
  personalProjectId: account.personalProjectId,
  createdAt: iso(account.createdAt),
  disabledAt: isoOrNull(account.disabledAt),
  eraseRequestedAt: isoOrNull(account.eraseRequestedAt),
  erasedAt: isoOrNull(account.erasedAt),
})
