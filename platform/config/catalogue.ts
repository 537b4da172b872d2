import { z } from 'zod'
import type { Extent } from '../../domain/catalogue.ts'
import { defaultAccessRule, withdrawalPolicies } from '../../domain/experiment.ts'
import { isPlainPath } from '../../domain/data-roots.ts'
import { isTimeZone } from '../../domain/site-days.ts'
import { identifier, json, urlOf, wholeNumber } from './fields.ts'
import { sourceOf } from './storage-sources.ts'

const webUrl = urlOf(['http', 'https'], 'http(s)://host[:port]/path')
const name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'must match [a-z][a-z0-9-]{0,31}' })
const file = z.string().min(1, { error: 'must name a file' })

const posixId = z.int().min(1).max(2_147_483_647)
const defaultPosix = z.strictObject({ uid: posixId, gid: posixId })
const shared = {
  id: name,
  /** Whose word counts of who has which login there. */
  issuers: z.array(z.string().min(1)).min(1, { error: 'must name whose logins it speaks of' }).max(50),
}

/** For one answer of a catalogue. */
const timeoutSeconds = z.int().min(1).max(60).default(5)

const source = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('userOffice'),
    ...shared,
    url: webUrl.refine((text) => text.includes('$USERNAME'), { error: 'must hold $USERNAME where the login goes' }),
    username: z.string().min(1),
    passwordFile: file,
    /** For records without a uid that may be used; without it they have none. */
    defaultPosix: defaultPosix.nullable().default(null),
    pageSize: z.int().min(1).max(1_000).default(100),
    timeoutSeconds,
  }),
  z.strictObject({
    kind: z.literal('icat'),
    ...shared,
    url: webUrl,
    plugin: z.string().min(1),
    username: z.string().min(1),
    passwordFile: file,
    statuses: z
      .array(z.enum(['all', 'released', 'embargoed']))
      .min(1)
      .default(['all']),
    /** Roles of ICAT whose holders own the project here; all others are editors. */
    ownerRoles: z.array(z.string()).default(['Principal investigator']),
    /** Where data of each investigation lies: `{name}`, `{visitId}` and `{id}` stand for what it says of itself. */
    datasets: z
      .array(
        z.strictObject({
          path: z.string().startsWith('/', { error: 'must be an absolute path' }),
          target: z.string().startsWith('/', { error: 'must be an absolute path' }),
          mode: z.enum(['ro', 'rw'], { error: 'must be ro or rw' }),
        }),
      )
      .max(20)
      .default([]),
    defaultPosix: defaultPosix.nullable().default(null),
    timeoutSeconds,
  }),
  z.strictObject({ kind: z.literal('csv'), ...shared, file }),
])
export type CatalogueSource = z.output<typeof source>

const isUnique = (sources: readonly { readonly id: string }[]) =>
  new Set(sources.map(({ id }) => id)).size === sources.length
const catalogues = json(z.array(source).max(20).refine(isUnique, { error: 'must name each source once' }))

/** The user office tells each person's own; the others everybody's. */
const extentOf = (kind: CatalogueSource['kind']): Extent => (kind === 'userOffice' ? 'person' : 'whole')

/** The catalogues that are kept in step, and how often. Of the core workers. */
export const cataloguesPart = z
  .object({
    CARREL_CATALOGUES: catalogues.optional(),
    CARREL_CATALOGUE_EVERY_MINUTES: wholeNumber(1, 10_080).default(60),
  })
  .transform((env) => ({
    sources: env.CARREL_CATALOGUES ?? [],
    names: (env.CARREL_CATALOGUES ?? []).map(({ id, kind }) => ({ id, extent: extentOf(kind) })),
    everyMs: env.CARREL_CATALOGUE_EVERY_MINUTES * 60_000,
  }))

/** Everywhere the same: when experiments' data may be worked with, and as whom at the least. */
export const experimentsPart = z
  .object({
    CARREL_TIME_ZONE: z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone of the IANA list, such as Europe/Paris' })
      .default(defaultAccessRule.timeZone),
    CARREL_EXPERIMENT_DAYS_BEFORE: wholeNumber(0, 36_500).default(defaultAccessRule.daysBefore),
    CARREL_EXPERIMENT_DAYS_AFTER: wholeNumber(0, 36_500).default(defaultAccessRule.daysAfter),
    CARREL_WITHDRAWN_SESSIONS: z
      .enum(withdrawalPolicies, { error: `must be ${withdrawalPolicies.join(' or ')}` })
      .default('stop'),
  })
  .transform((env) => ({
    access: {
      timeZone: env.CARREL_TIME_ZONE,
      daysBefore: env.CARREL_EXPERIMENT_DAYS_BEFORE,
      daysAfter: env.CARREL_EXPERIMENT_DAYS_AFTER,
    },
    withdrawn: env.CARREL_WITHDRAWN_SESSIONS,
  }))

/** Where a tree of the site's data lies at one provider. */
export const dataRoot = z
  .strictObject({
    path: z.string().refine(isPlainPath, { error: 'must be an absolute path in its shortest form' }),
    providerId: identifier,
    ...sourceOf,
  })
  .refine((root) => (root.hostPath === undefined) !== (root.volume === undefined), {
    path: ['hostPath'],
    error: 'must be set, or volume in its place, and not both',
  })
