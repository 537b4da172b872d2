import { readFileSync } from 'node:fs'
import type { Catalogue } from './catalogue.ts'
import { createCsv } from './csv/catalogue.ts'
import { createIcat } from './icat/catalogue.ts'
import type { IcatSettings } from './icat/catalogue.ts'
import { createUserOffice } from './user-office/catalogue.ts'
import type { UserOfficeSettings } from './user-office/catalogue.ts'

/** What is configured of those that are asked over HTTP, and what becomes of it. */
interface Asked {
  readonly passwordFile: string
  readonly timeoutSeconds: number
}
interface Given {
  readonly password: string
  readonly timeoutMs: number
}

/** A catalogue as it is configured: its password stands in a file. */
export type CatalogueSettings =
  | ({ readonly kind: 'userOffice' } & Asked & Omit<UserOfficeSettings, keyof Given>)
  | ({ readonly kind: 'icat' } & Asked & Omit<IcatSettings, keyof Given>)
  | { readonly kind: 'csv'; readonly file: string }

/** Makes the driver. Reads its password now. @throws where that cannot be read */
export function openCatalogue(settings: CatalogueSettings): Catalogue {
  switch (settings.kind) {
    case 'userOffice':
      return createUserOffice({ ...settings, ...givenOf(settings) })
    case 'icat':
      return createIcat({ ...settings, ...givenOf(settings) })
    case 'csv':
      return createCsv(settings)
    default:
      return settings satisfies never
  }
}

const givenOf = ({ passwordFile, timeoutSeconds }: Asked): Given => ({
  password: readFileSync(passwordFile, 'utf8').replace(/\r?\n$/, ''),
  timeoutMs: timeoutSeconds * 1_000,
})
