import type { FailReason } from './lifecycle.ts'

/** How far an instance is that was handed over to a provisioner outside; what it said last. */
export const handoverStatuses = ['wanted', 'taken', 'running', 'failed', 'ended'] as const
export type HandoverStatus = (typeof handoverStatuses)[number]

/** Why it could not be made, or does not run any more. One closed list: each is the reason with which its session ends. */
export const handoverFailCodes = [
  'image_missing',
  'start_failed',
  'backend_quota',
  'unschedulable',
  'template_unfit',
  'out_of_memory',
  'preempted',
  'node_failed',
  'instance_lost',
] as const satisfies readonly FailReason[]
export type HandoverFailCode = (typeof handoverFailCodes)[number]

/** What is known of one when somebody says something about it. */
export interface HandoverFacts {
  readonly status: HandoverStatus
  /** Nobody took it in time: it is not given away any more. */
  readonly isLate: boolean
  /** It is to go. */
  readonly isUnwanted: boolean
  /** Nothing is left of it. */
  readonly isGone: boolean
  /** What only its taker is given is still kept. */
  readonly isSealed: boolean
}

/**
 * What comes of a take. `taken`: it is this claim's from now on. `again`: it was before, and nothing has been said of it since, so that
 * the answer may have been lost: it is given once more. `shown`: it was before, and its secrets are kept nowhere any more.
 */
export type TakeVerdict = 'taken' | 'again' | 'shown' | 'others' | 'over'

/** Decides a take. `isSameClaim`: by what the first take called itself. */
export function takeVerdict(
  { status, isLate, isUnwanted, isGone, isSealed }: HandoverFacts,
  isSameClaim: boolean,
): TakeVerdict {
  if (isUnwanted || isGone) return 'over'
  if (status === 'wanted') return isLate ? 'over' : 'taken'
  if (!isSameClaim) return 'others'
  return isSealed ? 'again' : 'shown'
}

/** What a provisioner says of what it took. `preparing` may be said again and again, with other words. */
export const handoverWords = ['preparing', 'running', 'failed', 'ended', 'gone'] as const
export type HandoverWord = (typeof handoverWords)[number]

/**
 * What comes of it. `noted`: it is so from now on. `said`: it was said before, and is held against that. `early`: it has to be taken
 * first. `late`: something else was said that cannot be taken back. `over`: it is to be removed, and nothing else counts.
 */
export type WordVerdict = 'noted' | 'said' | 'early' | 'late' | 'over'

/** What each word may follow; a word that is there already is `said`. */
const follows: Readonly<Record<Exclude<HandoverWord, 'gone'>, readonly HandoverStatus[]>> = {
  preparing: ['taken'],
  running: ['taken'],
  failed: ['taken', 'running'],
  ended: ['taken', 'running'],
}

/** Decides a word. That it ended, or that nothing is left, is heard also of what is to go. */
export function wordVerdict({ status, isUnwanted, isGone }: HandoverFacts, word: HandoverWord): WordVerdict {
  if (status === 'wanted') return isUnwanted ? 'over' : 'early'
  if (word === 'gone') return isGone ? 'said' : 'noted'
  if (word === status) return 'said'
  if (isUnwanted && (word === 'preparing' || word === 'running')) return 'over'
  if (isGone) return 'late'
  return follows[word].includes(status) ? 'noted' : 'late'
}

/** What an instance is, in the words of `ports/compute/provider.ts`, of what its provisioner said. */
export type HandoverMeaning =
  | { readonly kind: 'pending'; readonly reason: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'exited'; readonly reason: FailReason }
  | { readonly kind: 'absent' }

/** The table "provisioner says → Carrel's word" of docs/providers/handover.md. `words`: what it said beside. */
export function meaningOf(
  { status, isLate, isGone }: Pick<HandoverFacts, 'status' | 'isLate' | 'isGone'>,
  said: { readonly words: string | null; readonly code: FailReason | null },
): HandoverMeaning {
  switch (status) {
    case 'wanted':
      return isLate
        ? { kind: 'exited', reason: 'start_timeout' }
        : { kind: 'pending', reason: 'nobody has taken it yet' }
    case 'taken':
      return isGone ? { kind: 'absent' } : { kind: 'pending', reason: said.words ?? 'it is being prepared' }
    case 'running':
      return isGone ? { kind: 'absent' } : { kind: 'running' }
    case 'failed':
      return { kind: 'exited', reason: said.code ?? 'start_failed' }
    case 'ended':
      return { kind: 'exited', reason: 'exited' }
    default:
      return status satisfies never
  }
}
