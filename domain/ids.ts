declare const brand: unique symbol
/** An id of one kind of thing. Opaque, ordered by time of making, good as host name, label and job name. */
export type Id<Kind extends string> = string & { readonly [brand]: Kind }
export type AccountId = Id<'account'>
export type ProjectId = Id<'project'>
export type TemplateId = Id<'template'>
export type SessionId = Id<'session'>
export type TokenId = Id<'token'>
export type ProviderId = Id<'provider'>
export type ReconciliationId = Id<'reconciliation'>
export type TunnelId = Id<'tunnel'>
export type CheckId = Id<'check'>
export type ExperimentId = Id<'experiment'>
export type SyncId = Id<'sync'>
export type HandoverId = Id<'handover'>
export type InvitationId = Id<'invitation'>

/** What every id matches; the letter in front says the kind. */
export const idPattern = /^[a-z][a-z0-9]{1,25}$/

const prefixes = {
  account: 'a',
  project: 'p',
  template: 't',
  session: 's',
  token: 'k',
  audit: 'u',
  reconciliation: 'r',
  check: 'c',
  handover: 'h',
  pass: 'd',
  tunnel: 'n',
  experiment: 'e',
  sync: 'y',
  invitation: 'i',
} as const
export type MintedKind = keyof typeof prefixes

const digits = '0123456789abcdefghjkmnpqrstvwxyz'

/** Makes an id: a letter, 9 digits of time (ms) and 14 random ones, in lower-case base 32. */
export function newId<K extends MintedKind>(kind: K, now: number = Date.now()): Id<K> {
  let time = ''
  for (let rest = now; time.length < 9; rest = Math.floor(rest / 32)) time = digits[rest % 32] + time
  const random = crypto.getRandomValues(new Uint8Array(14))
  const tail = Array.from(random, (byte) => digits[byte % 32]).join('')
  return `${prefixes[kind]}${time}${tail}` as Id<K>
}

/** The name of what a session's generation runs on: the same for every attempt, so that a lost one is found again. */
export const instanceName = (sessionId: SessionId, generation: number): string => `carrel-${sessionId}-${generation}`
/** What such a name says; `null`: it is none. */
export function instanceOf(name: string): { readonly sessionId: SessionId; readonly generation: number } | null {
  const [, sessionId = '', generation = ''] = /^carrel-([a-z][a-z0-9]{1,25})-([1-9][0-9]{0,8})$/.exec(name) ?? []
  // The pattern is what makes a string a session's id.
  return sessionId === '' ? null : { sessionId: sessionId as SessionId, generation: Number(generation) }
}
export const sessionWorkflowId = (id: SessionId): string => `session/${id}`
export const teardownWorkflowId = (id: SessionId): string => `teardown/${id}`
export const observeWorkflowId = (id: ProviderId): string => `observe/${id}`
/** Also the id of the schedule that starts it. */
export const reconcileWorkflowId = (id: ProviderId): string => `reconcile/${id}`
export const checkWorkflowId = (provider: ProviderId, check: CheckId): string => `check/${provider}/${check}`
export const invitationWorkflowId = (id: InvitationId): string => `invitation/${id}`
/** Also the id of the schedule that starts it. */
export const catalogueWorkflowId = (source: string): string => `catalogue/${source}`
export const expireWorkflowId = 'expire'
export const retentionWorkflowId = 'retention'
/** Looks after the doors that a gateway outside opens. */
export const watchDoorsWorkflowId = 'doors'
export const startQueue = (id: ProviderId): string => `provider/${id}/start`
export const careQueue = (id: ProviderId): string => `provider/${id}/care`
export const coreQueue = 'core'
/** What is done at the gateway outside Carrel. */
export const accessQueue = 'access'
/** Where mail goes out. */
export const mailQueue = 'mail'
