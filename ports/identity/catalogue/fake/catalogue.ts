import { emptyListing } from '../../../../domain/catalogue.ts'
import type { CatalogueListing, Extent } from '../../../../domain/catalogue.ts'
import type { Catalogue } from '../catalogue.ts'
import { unavailable } from '../catalogue.ts'

/** A catalogue in memory, for tests and for trying things out. */
export interface FakeCatalogue extends Catalogue {
  /** What it says from now on, of the person or of everybody (`null`). */
  says(login: string | null, listing: CatalogueListing): void
  /** Whether it answers. */
  answers(does: boolean): void
}

export function createFakeCatalogue(extent: Extent): FakeCatalogue {
  const said = new Map<string | null, CatalogueListing>()
  let isUp = true
  return {
    extent,
    says: (login, listing) => void said.set(login, listing),
    answers: (does) => {
      isUp = does
    },
    list: async (login) =>
      isUp
        ? { kind: 'listed', listing: said.get(extent === 'whole' ? null : login) ?? emptyListing }
        : unavailable('It does not answer.'),
  }
}
