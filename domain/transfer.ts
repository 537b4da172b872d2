import { mayWork } from './authorization.ts'
import type { ProjectRole } from './authorization.ts'
import { isEnd } from './lifecycle.ts'
import type { SessionState } from './lifecycle.ts'
import type { PauseWish } from './pausing.ts'
import { samePosix } from './posix.ts'
import type { Posix } from './posix.ts'

/** What decides whether a session can be another account's, as it is and as it runs. */
export interface TransferFacts {
  readonly state: SessionState
  /** A stop was asked, or its time is over. */
  readonly isOver: boolean
  /** What was asked about its resting and is not settled. */
  readonly wish: PauseWish | null
  readonly ownerId: string
  /** As whom it runs, where that is its owner's own user; `null`: as nobody's, or as its experiment says. */
  readonly runsAs: Posix | null
  /** All that it mounts is what its project may mount still. */
  readonly mountsStand: boolean
  readonly heir: HeirFacts
}

/** The account that is to own it. */
export interface HeirFacts {
  readonly id: string
  /** It is there, not disabled, and not being erased. */
  readonly isUsable: boolean
  readonly projectRole: ProjectRole | null
  readonly owesTerms: boolean
  readonly posix: Posix | null
  /** The session's template is one that it may start itself. */
  readonly seesTemplate: boolean
  /** It might have begun one in the session's experiment itself, now; also where there is no experiment. */
  readonly mayUseExperiment: boolean
  /** The user office lets it have sessions outside experiments; also where the session is one of an experiment. */
  readonly mayUseResources: boolean
}

/** Why a session that runs cannot go on under another owner: each would hand over more than that owner has a right to. */
export const unfitReasons = ['posix', 'experiment', 'resources', 'mounts', 'template'] as const
export type UnfitReason = (typeof unfitReasons)[number]

export type TransferVerdict =
  /** As far as the quotas, which are asked then. */
  | { readonly kind: 'fits' }
  | { readonly kind: 'already' | 'ended' }
  | { readonly kind: 'not_ready' }
  /** Nobody that could own it: which of the reasons is not told. */
  | { readonly kind: 'no_heir' }
  | { readonly kind: 'owes_terms' }
  | { readonly kind: 'unfit'; readonly reasons: readonly UnfitReason[] }

/** States in which nobody is just making something of it, in its owner's name. */
const settled: readonly SessionState[] = ['ready', 'paused']

/** Judges whether a session may become another account's. Its state goes first, then who the account is, then what it runs with. */
export function judgeTransfer(facts: TransferFacts): TransferVerdict {
  const { state, heir } = facts
  if (isEnd(state) || facts.isOver || state === 'stopping') return { kind: 'ended' }
  if (facts.ownerId === heir.id) return { kind: 'already' }
  if (!heir.isUsable || !mayWork(heir.projectRole)) return { kind: 'no_heir' }
  if (!settled.includes(state) || facts.wish !== null) return { kind: 'not_ready' }
  if (heir.owesTerms) return { kind: 'owes_terms' }
  const reasons = unfitReasons.filter((reason) => !fits[reason](facts))
  return reasons.length > 0 ? { kind: 'unfit', reasons } : { kind: 'fits' }
}

const fits: Readonly<Record<UnfitReason, (facts: TransferFacts) => boolean>> = {
  // What runs as somebody's user reads and writes as that user.
  posix: ({ runsAs, heir }) => runsAs === null || (heir.posix !== null && samePosix(runsAs, heir.posix)),
  experiment: ({ heir }) => heir.mayUseExperiment,
  resources: ({ heir }) => heir.mayUseResources,
  mounts: ({ mountsStand }) => mountsStand,
  template: ({ heir }) => heir.seesTemplate,
}
