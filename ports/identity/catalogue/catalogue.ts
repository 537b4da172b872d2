import type { CatalogueListing, Extent } from '../../../domain/catalogue.ts'
import type { PosixRule } from '../../../domain/posix.ts'

/** What the site allows of what a catalogue says. */
export interface CatalogueRules {
  /** Data lies below these paths alone. */
  readonly roots: readonly string[]
  readonly posix: PosixRule
}

/** `unavailable`: nobody knows what the catalogue says now, and nothing is changed by that. `why` is for operators, capped. */
export type CatalogueAnswer =
  | { readonly kind: 'listed'; readonly listing: CatalogueListing }
  | { readonly kind: 'unavailable'; readonly why: string }

/** Who belongs to what, and since when and with what data, by a system outside. It is only read. */
export interface Catalogue {
  /** `person`: it is asked for one person's own; `whole`: for everything at once. */
  readonly extent: Extent
  /**
   * All that it says, of the person by his login there, or of everybody (`null`). A list is whole or it is none: what is cut off, or is
   * not what was agreed, is `unavailable`. One bad record spoils no others: it is named among the faults.
   */
  list(login: string | null, rules: CatalogueRules, signal: AbortSignal): Promise<CatalogueAnswer>
}

/** Text for operators: one line, short, and nothing of what was answered. */
export const unavailable = (why: string): CatalogueAnswer => ({
  kind: 'unavailable',
  why: why.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 300),
})
