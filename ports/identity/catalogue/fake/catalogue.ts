import { emptyListing } from '../../../../domain/catalogue.ts'
import type { CatalogueListing, Extent, ListGap } from '../../../../domain/catalogue.ts'
import type { Catalogue } from '../catalogue.ts'
import { gapOf, listed } from '../catalogue.ts'

/** A catalogue in memory, for tests and for trying things out. */
export interface FakeCatalogue extends Catalogue {
  /** What it says from now on, of the person or of everybody (`null`). Several come one after the other, as parts. */
  says(login: string | null, ...parts: readonly CatalogueListing[]): void
  /** Whether it answers; else in what way it does not. Of one person alone where a login is named. */
  answers(does: true | ListGap, login?: string): void
}

const reasons: Readonly<Record<ListGap, string>> = {
  away: 'It does not answer.',
  refused: 'It lists no such person.',
  denied: 'It does not let Carrel in.',
}

export function createFakeCatalogue(extent: Extent): FakeCatalogue {
  const said = new Map<string | null, readonly CatalogueListing[]>()
  const gaps = new Map<string | null, ListGap>()
  return {
    extent,
    says: (login, ...parts) => void said.set(login, parts),
    answers(does, login) {
      if (does === true) gaps.delete(login ?? null)
      else gaps.set(login ?? null, does)
    },
    async list({ login, from }) {
      const gap = gaps.get(null) ?? gaps.get(login)
      if (gap !== undefined) return gapOf(gap, reasons[gap])
      const parts = said.get(extent === 'whole' ? null : login) ?? []
      const at = Number(from ?? 0)
      const next = at + 1 < parts.length ? String(at + 1) : null
      return await Promise.resolve({ ...listed(parts[at] ?? emptyListing), next })
    },
  }
}
