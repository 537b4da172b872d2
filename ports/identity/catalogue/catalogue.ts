import type { CatalogueListing, Extent, ListGap } from '../../../domain/catalogue.ts'
import type { PosixRule } from '../../../domain/posix.ts'

/** What the site allows of what a catalogue says. */
export interface CatalogueRules {
  /** Data lies below these paths alone. */
  readonly roots: readonly string[]
  readonly posix: PosixRule
}

export interface CatalogueAsk {
  /** Whose list, by the login there; `null`: everybody's. */
  readonly login: string | null
  /** Where the part begins, as the part before said; `null`: it is the first. */
  readonly from: string | null
  /** From then on, ms since the epoch, no more is asked for in this part, where the rest can come in another. */
  readonly until: number
}

/**
 * `gap`: nobody knows what the catalogue says now, of the one person (`refused`) or at all, and nothing is changed by that. `why` is
 * for operators, capped.
 */
export type CatalogueAnswer =
  | {
      readonly kind: 'listed'
      readonly listing: CatalogueListing
      /** Where the next part begins; `null`: this is the last. */
      readonly next: string | null
    }
  | { readonly kind: 'gap'; readonly gap: ListGap; readonly why: string }

/** Who belongs to what, and since when and with what data, by a system outside. It is only read. */
export interface Catalogue {
  /** `person`: it is asked for one person's own; `whole`: for everything at once. */
  readonly extent: Extent
  /**
   * All that it says, of the person by the login there, or of everybody, perhaps in parts. A list is whole or it is none: what is cut
   * off, or is not what was agreed, is a gap. One bad record spoils no others: it is named among the faults.
   */
  list(ask: CatalogueAsk, rules: CatalogueRules, signal: AbortSignal): Promise<CatalogueAnswer>
}

/** All that it says, in one part. */
export const listed = (listing: CatalogueListing): CatalogueAnswer => ({ kind: 'listed', listing, next: null })

/** Text for operators: one line, short, and nothing of what was answered. */
export const gapOf = (gap: ListGap, why: string): CatalogueAnswer => ({
  kind: 'gap',
  gap,
  why: why.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 300),
})
