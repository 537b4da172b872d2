import { readFileSync } from 'node:fs'
import type { Catalogue } from './catalogue.ts'
import { createCsv } from './csv/catalogue.ts'
import { createIcat } from './icat/catalogue.ts'
import type { IcatSettings } from './icat/catalogue.ts'
import { createUserOffice } from './user-office/catalogue.ts'
import type { UserOfficeSettings } from './user-office/catalogue.ts'

/** A catalogue as it is configured: its password stands in a file. */
export type CatalogueSettings =
  | ({ readonly kind: 'userOffice'; readonly passwordFile: string } & Omit<UserOfficeSettings, 'password'>)
  | ({ readonly kind: 'icat'; readonly passwordFile: string } & Omit<IcatSettings, 'password'>)
  | { readonly kind: 'csv'; readonly file: string }

/** Makes the driver. Reads its password now. @throws where that cannot be read */
export function openCatalogue(settings: CatalogueSettings): Catalogue {
  switch (settings.kind) {
    case 'userOffice':
      return createUserOffice({ ...settings, password: passwordIn(settings.passwordFile) })
    case 'icat':
      return createIcat({ ...settings, password: passwordIn(settings.passwordFile) })
    case 'csv':
      return createCsv(settings)
    default:
      return settings satisfies never
  }
}

const passwordIn = (file: string): string => readFileSync(file, 'utf8').replace(/\r?\n$/, '')
