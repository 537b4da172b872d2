import { z } from '@hono/zod-openapi'
import type { Invitation } from '../../db/invitations.ts'
import type { InvitationEvent } from '../../db/invitation-events.ts'
import { projectRoles } from '../../domain/authorization.ts'
import { canonicalEmail } from '../../domain/email.ts'
import {
  deliveries,
  delayedMail,
  invitationStates,
  languages,
  lostReasons,
  refusedMail,
} from '../../domain/invitation.ts'
import { doorModes } from '../../domain/template.ts'
import { id, idOf, iso, isoOrNull, nullableTime, time } from '../fields.ts'

const problems = [...refusedMail, ...delayedMail].join(', ')

const email = z
  .string()
  .max(320)
  .transform((text, context) => {
    const canonical = canonicalEmail(text)
    if (canonical !== null) return canonical
    context.addIssue({ code: 'custom', message: 'Expected an e-mail address.' })
    return z.NEVER
  })
  .openapi({ type: 'string', format: 'email', description: 'Whose it is; kept in lower case' })

const invited = {
  email,
  anyone: z.boolean().default(false).openapi({
    description: 'Whoever holds the link may accept it, once; else only an account whose verified address it is',
  }),
  language: z.enum(languages).optional().openapi({ description: "Of the mails; the site's own when left out" }),
  expiresInDays: z.int().min(1).max(90).optional().openapi({ description: "The site's own time when left out" }),
}

export const ProjectInvitationCreate = z
  .strictObject({ ...invited, role: z.enum(projectRoles) })
  .openapi('ProjectInvitationCreate')

export const SessionInvitationCreate = z
  .strictObject({ ...invited, mode: z.enum(doorModes).openapi({ description: '`control` holds `view`' }) })
  .openapi('SessionInvitationCreate')

const named = z.object({ id, name: z.string() })

const invitationFields = {
  id,
  project: named,
  session: named
    .nullable()
    .openapi({ description: 'Into this session of the project alone; `null`: into the project' }),
  role: z.enum(projectRoles).nullable(),
  mode: z.enum(doorModes).nullable(),
  inviter: z.object({ id, displayName: z.string() }),
  email: z.string().nullable().openapi({ description: '`null` once it is forgotten' }),
  anyone: z.boolean(),
  language: z.enum(languages),
  delivery: z.enum(deliveries).openapi({ description: '`link`: the inviter was shown the link, and brings it' }),
  state: z.enum(invitationStates).openapi({ description: 'Open to growth' }),
  stateSince: time,
  reason: z
    .string()
    .nullable()
    .openapi({
      description: `Why it ended, where that is not plain. Open to growth: user, ${lostReasons.join(', ')}, ${problems}`,
    }),
  createdAt: time,
  expiresAt: time,
  endedAt: nullableTime,
  acceptedBy: id.nullable(),
  mailsSent: z.int(),
  sending: z
    .object({
      problem: z
        .string()
        .nullable()
        .openapi({ description: `What keeps the mail: ${problems}. Open to growth` }),
      tries: z.int(),
      nextTryAt: time,
    })
    .nullable()
    .openapi({ description: 'Of a mail that is to go out' }),
}

export const InvitationDocument = z.object(invitationFields).openapi('Invitation')

/** With the link, in the one answer that has it. */
export const InvitationCreated = z
  .object({
    ...invitationFields,
    link: z
      .string()
      .nullable()
      .openapi({ description: 'Where `delivery` is `link`: for the person who is invited. Shown once' }),
  })
  .openapi('InvitationCreated')

export const InvitationShown = z
  .object({
    ...invitationFields,
    secretShown: z.literal(true).optional().openapi({ description: 'The link was shown when it was made' }),
  })
  .openapi('InvitationShown')

export const InvitationWithHistory = z
  .object({
    ...invitationFields,
    history: z.array(z.object({ seq: z.int(), at: time, type: z.string(), data: z.record(z.string(), z.unknown()) })),
  })
  .openapi('InvitationWithHistory')

const code = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-]+$/, 'Expected the code of a link.')
  .openapi({ description: 'What stands behind the # of the link' })

export const InvitationAnswer = z
  .strictObject({
    code: code.optional(),
    invitationId: idOf('invitation').optional().openapi({ description: 'In place of the code, for whom it names' }),
  })
  .refine((said) => (said.code === undefined) !== (said.invitationId === undefined), {
    error: 'Expected either code or invitationId.',
    path: ['code'],
  })
  .openapi('InvitationAnswer')

export const InvitationViewAsk = z.strictObject({ code }).openapi('InvitationViewAsk')

export const InvitationView = z
  .object({
    id,
    project: named,
    session: named.nullable(),
    role: z.enum(projectRoles).nullable(),
    mode: z.enum(doorModes).nullable(),
    inviter: z.object({ id, displayName: z.string() }),
    email: z
      .string()
      .nullable()
      .openapi({ description: 'Whom it is for, its first letter alone', example: 'a…@site.example' }),
    state: z.enum(invitationStates),
    expiresAt: time,
    mayAccept: z.boolean(),
    why: z.string().nullable().openapi({
      description:
        'The code of the problem that accepting would meet: invitation_over, email_differs, terms_not_accepted',
    }),
  })
  .openapi('InvitationView')

export function presentInvitation(invitation: Invitation): z.infer<typeof InvitationDocument> {
  const { place, sending } = invitation
  return {
    ...presentPlace(invitation),
    role: place.kind === 'project' ? place.role : null,
    mode: place.kind === 'session' ? place.mode : null,
    email: invitation.email === '' ? null : invitation.email,
    anyone: invitation.anyone,
    language: invitation.language,
    delivery: invitation.delivery,
    state: invitation.state,
    stateSince: iso(invitation.stateSince),
    reason: invitation.reason,
    createdAt: iso(invitation.createdAt),
    expiresAt: iso(invitation.expiresAt),
    endedAt: isoOrNull(invitation.endedAt),
    acceptedBy: invitation.acceptedBy,
    mailsSent: invitation.mailsSent,
    sending: sending === null ? null : { ...sending, nextTryAt: iso(sending.nextTryAt) },
  }
}

/** Who invites, and where to. */
export const presentPlace = (invitation: Invitation) => ({
  id: invitation.id,
  project: { id: invitation.projectId, name: invitation.projectName },
  session: invitation.sessionId === null ? null : { id: invitation.sessionId, name: invitation.sessionName ?? '' },
  inviter: { id: invitation.inviterId, displayName: invitation.inviterName },
})

export const presentEvent = ({ seq, at, type, data }: InvitationEvent) => ({ seq, at: iso(at), type, data })

/** `a…@site.example`: enough to know which of one's addresses it is. */
export const maskedEmail = (text: string): string | null => (text === '' ? null : text.replace(/^(.).*@/, '$1…@'))
