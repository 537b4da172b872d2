import type { CatalogueOfSite } from '../activities/catalogue.ts'
import type { PosixRule } from '../domain/posix.ts'
import type { CatalogueSource } from '../platform/config/catalogue.ts'
import { openCatalogue } from '../ports/identity/catalogue/open.ts'
import type { WorkerDeps } from './deps.ts'

/** Makes the drivers of the site's catalogues. @throws where a password cannot be read */
export function openCatalogues(
  { sources, everyMs }: { readonly sources: readonly CatalogueSource[]; readonly everyMs: number },
  posix: PosixRule,
): NonNullable<WorkerDeps['catalogues']> {
  const opened = sources.map((source): [string, CatalogueOfSite] => [
    source.id,
    { catalogue: openCatalogue(source), issuers: source.issuers },
  ])
  return { sources: new Map(opened), everyMs, posix }
}
