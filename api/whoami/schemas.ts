import { z } from '@hono/zod-openapi'
import type { Account } from '../../db/accounts.ts'
import type { Identity } from '../../db/identities.ts'
import type { TermsStanding } from '../../db/terms.ts'
import { asksOf } from '../../db/terms.ts'
import { actions, hindrances } from '../../domain/may.ts'
import type { Action, Hindrance } from '../../domain/may.ts'
import type { Principal } from '../env.ts'
import { id, iso, time } from '../fields.ts'

const Verdict = z.object({
  allowed: z.boolean(),
  reasons: z
    .array(z.string())
    .openapi({ description: `Why not, all of it. Open to growth. Today: ${hindrances.join(', ')}.` }),
})

export const WhoamiDocument = z
  .object({
    account: z.object({
      id,
      displayName: z.string(),
      roles: z.array(z.string()),
      organisation: z.string().nullable(),
      personalProjectId: id,
    }),
    actedBy: id.nullable().openapi({ description: 'Whose token it is, where it acts for the account' }),
    client: z.string(),
    scopes: z.array(z.string()),
    tokenId: id,
    tokenExpiresAt: time,
    may: z
      .object({
        startSessions: Verdict,
        startOutsideExperiments: Verdict,
        createProjects: Verdict,
        makeTokens: Verdict,
        operate: Verdict,
        administer: Verdict,
      })
      .openapi({
        description: 'What may be tried with this token now. A project, a template or a provider may still say no',
      }),
    terms: z.object({
      version: z.int(),
      required: z.boolean(),
      accepted: z.boolean().openapi({ description: 'True, too, where nothing is asked' }),
    }),
    identities: z
      .array(z.object({ issuer: z.string(), subject: z.string(), emailVerified: z.boolean() }))
      .openapi({ description: 'How the account signs in; empty for whoever acts for it' }),
    posix: z
      .boolean()
      .openapi({ description: 'Whether it is anybody to file systems: else what runs as its account does not start' }),
  })
  .openapi('Whoami')

export interface Whoami {
  readonly principal: Principal
  readonly account: Account
  readonly terms: TermsStanding
  readonly identities: readonly Identity[]
  readonly reasons: Readonly<Record<Action, readonly Hindrance[]>>
}

export function presentWhoami({
  principal,
  account,
  terms,
  identities,
  reasons,
}: Whoami): z.infer<typeof WhoamiDocument> {
  const required = terms.terms !== null && asksOf(terms.terms)
  const verdict = (action: Action) => ({ allowed: reasons[action].length === 0, reasons: [...reasons[action]] })
  const may = Object.fromEntries(actions.map((action) => [action, verdict(action)])) as Record<
    Action,
    ReturnType<typeof verdict>
  >
  return {
    account: {
      id: account.id,
      displayName: account.displayName,
      roles: [...principal.actor.roles],
      organisation: account.organisation,
      personalProjectId: account.personalProjectId,
    },
    actedBy: principal.actor.actingFor ? principal.actedBy : null,
    client: principal.client,
    scopes: [...principal.actor.scopes],
    tokenId: principal.tokenId,
    tokenExpiresAt: iso(principal.tokenExpiresAt),
    may,
    terms: {
      version: terms.terms?.version ?? 0,
      required,
      accepted: !required || terms.acceptedAt !== null,
    },
    identities: identities.map(({ issuer, subject, emailVerified }) => ({ issuer, subject, emailVerified })),
    posix: account.posix !== null,
  }
}
