import { mayWork } from './authorization.ts'
import type { ProjectRole } from './authorization.ts'
import type { DoorMode } from './template.ts'
import type { Timings } from './timings.ts'

/**
 * What may follow each state, and what bounds it. `sending`: a mail is to go out, and the link that it brings may be known
 * already, by an earlier one. Both open states may be accepted.
 */
export const invitationLife = {
  sending: { next: ['sent', 'accepted', 'declined', 'expired', 'revoked', 'bounced'], limit: 'send' },
  sent: { next: ['sending', 'accepted', 'declined', 'expired', 'revoked'], limit: 'expiry' },
  accepted: { next: [], limit: null },
  declined: { next: [], limit: null },
  expired: { next: [], limit: null },
  revoked: { next: [], limit: null },
  bounced: { next: [], limit: null },
} as const satisfies Record<string, { readonly next: readonly string[]; readonly limit: 'send' | 'expiry' | null }>
export type InvitationState = keyof typeof invitationLife
export const invitationStates = Object.keys(invitationLife) as readonly InvitationState[]
export type InvitationEnd = Exclude<InvitationState, 'sending' | 'sent'>
export const openInvitationStates = ['sending', 'sent'] as const

/** Whether one state may follow the other. */
export const mayBecome = (from: InvitationState, to: InvitationState): boolean =>
  invitationLife[from].next.some((state) => state === to)

/** Into what somebody is invited: a project, in a role, or one of its sessions, in a mode. */
export type InvitationPlace =
  { readonly kind: 'project'; readonly role: ProjectRole } | { readonly kind: 'session'; readonly mode: DoorMode }

export const languages = ['en', 'nl', 'de', 'fr', 'es'] as const
export type Language = (typeof languages)[number]

/** Who brings the link: Carrel, by mail, or the inviter, who is shown it once. */
export const deliveries = ['mail', 'link'] as const
export type Delivery = (typeof deliveries)[number]

export const mailKinds = ['first', 'resend', 'reminder'] as const
export type MailKind = (typeof mailKinds)[number]

/** Why a mail has not gone out, in codes; the first few are for good. Open to growth for clients. */
export const refusedMail = ['recipient_refused', 'message_refused'] as const
export const delayedMail = [
  'deferred',
  'unreachable',
  'timeout',
  'tls_failed',
  'auth_refused',
  'sender_refused',
  'unconfirmed',
  'failed',
] as const
export type RefusedMail = (typeof refusedMail)[number]
export type DelayedMail = (typeof delayedMail)[number]
export type MailProblem = RefusedMail | DelayedMail

/** Why an invitation is worth nothing any more although nobody said so. */
export const lostReasons = ['right_lost', 'account_disabled', 'project_closed', 'session_over'] as const
export type LostReason = (typeof lostReasons)[number]
/** Why one ended, beside its state: `user` said so. */
export type InvitationReason = LostReason | MailProblem | 'user'

/** What bounds sending and looking. */
export type InvitationLimits = Pick<
  Timings,
  'mailTryMs' | 'mailRetryMs' | 'mailRetryMaxMs' | 'mailLimitMs' | 'checkInvitationMs'
>

const minute = 60_000
const hour = 60 * minute
/** So long before its end somebody is reminded; never within the first half of its time. */
const remindBeforeMs = 48 * hour
/** Mails that the inviter may ask for beside the first, and how long after the one before. */
export const mostResends = 3
export const resendEveryMs = 10 * minute

/** When somebody is reminded of what ends at `expiresAt`, ms. `null`: it is too short for that. */
export function reminderAt(createdAt: number, expiresAt: number): number | null {
  const at = expiresAt - remindBeforeMs
  return at - createdAt < (expiresAt - createdAt) / 2 ? null : at
}

/** How long to wait after so many tries. */
export const retryInMs = (tries: number, { mailRetryMs, mailRetryMaxMs }: InvitationLimits): number =>
  Math.min(mailRetryMaxMs, mailRetryMs * 2 ** Math.min(20, Math.max(0, tries - 1)))

/** What decides what is next, all of one moment; times in ms since the epoch. */
export interface InvitationFacts {
  readonly state: InvitationState
  readonly expiresAt: number
  /** `null`: there is none to be, or it was. */
  readonly remindAt: number | null
  /** Why it is worth nothing any more; `null`: it stands. */
  readonly lost: LostReason | null
  /** The mail that is to go out. */
  readonly mail: {
    readonly number: number
    readonly wantedAt: number
    readonly nextTryAt: number
    readonly problem: MailProblem | null
  } | null
  readonly now: number
}

export type InvitationStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'end'; readonly state: 'expired' | 'revoked' | 'bounced'; readonly reason: InvitationReason | null }
  | { readonly do: 'send'; readonly number: number }
  | { readonly do: 'remind' }
  | { readonly do: 'wait'; readonly ms: number }

/** What is to be done about an invitation at this moment. */
export function nextStep(facts: InvitationFacts, limits: InvitationLimits): InvitationStep {
  const { state, expiresAt, remindAt, lost, mail, now } = facts
  if (state !== 'sending' && state !== 'sent') return { do: 'nothing' }
  if (lost !== null) return { do: 'end', state: 'revoked', reason: lost }
  if (expiresAt <= now) return { do: 'end', state: 'expired', reason: mail?.problem ?? null }
  const dues = [expiresAt, now + limits.checkInvitationMs]
  if (mail !== null) {
    const givenUpAt = mail.wantedAt + limits.mailLimitMs
    if (givenUpAt <= now) return { do: 'end', state: 'bounced', reason: mail.problem ?? 'failed' }
    if (mail.nextTryAt <= now) return { do: 'send', number: mail.number }
    dues.push(mail.nextTryAt, givenUpAt)
  } else if (remindAt !== null) {
    if (remindAt <= now) return { do: 'remind' }
    dues.push(remindAt)
  }
  return { do: 'wait', ms: Math.max(1, Math.min(...dues) - now) }
}

/** What an invitation into a project gives at most, by what its inviter is there. */
const grantable: Readonly<Record<ProjectRole, readonly ProjectRole[]>> = {
  owner: ['owner', 'editor', 'viewer'],
  editor: ['editor', 'viewer'],
  viewer: [],
}

/** Whether whoever is this in a project may offer that role: never more than they have. `admin`: of the installation. */
export const mayOffer = (own: ProjectRole | null, role: ProjectRole, admin = false): boolean =>
  admin || (own !== null && grantable[own].includes(role))

/** The mode of whoever is offered one and may have one: nobody loses by accepting. */
export const higherMode = (own: DoorMode | null, offered: DoorMode): DoorMode =>
  own === 'control' ? 'control' : offered

/** What an invitation stands on. */
export interface StandingFacts {
  readonly place: InvitationPlace
  readonly inviter: {
    readonly id: string
    readonly disabled: boolean
    readonly admin: boolean
    readonly projectRole: ProjectRole | null
  }
  readonly projectClosed: boolean
  /** Of the session; `null` for a project, and where the session is gone. */
  readonly session: { readonly ownerId: string; readonly over: boolean } | null
}

/** Why an invitation is worth nothing any more; `null`: its inviter may still give what it offers. */
export function whyLost({ place, inviter, projectClosed, session }: StandingFacts): LostReason | null {
  if (projectClosed) return 'project_closed'
  if (place.kind === 'session' && (session === null || session.over)) return 'session_over'
  if (inviter.disabled) return 'account_disabled'
  if (place.kind === 'project') return mayOffer(inviter.projectRole, place.role, inviter.admin) ? null : 'right_lost'
  return mayWork(inviter.projectRole) && session?.ownerId === inviter.id ? null : 'right_lost'
}
