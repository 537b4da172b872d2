import type { InvitationRates } from '../../db/invitation-rates.ts'
import type { Delivery, Language } from '../../domain/invitation.ts'

/** How people are invited here. */
export interface InvitationSettings {
  readonly delivery: Delivery
  /** The page that links lead to; the code stands behind its `#`. */
  readonly pageUrl: string
  readonly language: Language
  readonly days: number
  readonly rates: InvitationRates
}

/** Without mail: whoever invites is shown the link. */
export const plainInvitations: InvitationSettings = {
  delivery: 'link',
  pageUrl: 'http://127.0.0.1:8080/invitation',
  language: 'en',
  days: 14,
  rates: { perAccount: 50, perProject: 200, perAddress: 10 },
}
