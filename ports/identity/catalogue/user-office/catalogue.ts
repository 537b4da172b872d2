import { z } from 'zod'
import type { ListGap } from '../../../../domain/catalogue.ts'
import type { Catalogue } from '../catalogue.ts'
import { gapOf, listed } from '../catalogue.ts'
import { CatalogueFailure, createJsonRequests } from '../json-requests.ts'
import type { Numbers } from '../words.ts'
import { readRecords } from './records.ts'

export interface UserOfficeSettings {
  /** With `$USERNAME` where the login goes. */
  readonly url: string
  readonly username: string
  readonly password: string
  readonly defaultPosix: Numbers | null
  readonly pageSize: number
  readonly timeoutMs?: number
}

const Page = z.object({
  count: z.int().min(0).nullish(),
  next: z.string().nullish(),
  results: z.array(z.unknown()),
})

/** Somebody with more has not been seen; a list that never ends has. */
const mostPages = 500

/** Too soon, and too slow: of nobody in particular. */
const forNobody: readonly number[] = [408, 425, 429]

/** What it says of the credentials, and of the one person whose list was asked for; all else is that it does not answer as agreed. */
function gapFor({ status }: CatalogueFailure): ListGap {
  if (status === 401 || status === 407) return 'denied'
  return status !== null && status >= 400 && status < 500 && !forNobody.includes(status) ? 'refused' : 'away'
}

/** The list of proposals that a facility's user office keeps for each person. */
export function createUserOffice(settings: UserOfficeSettings): Catalogue {
  const send = createJsonRequests(settings.timeoutMs)
  const headers = {
    authorization: `Basic ${Buffer.from(`${settings.username}:${settings.password}`).toString('base64')}`,
  }

  /** Page by page, each where the one before says that there is more. Its own address of the next page is not followed. */
  async function readAll(login: string, signal: AbortSignal): Promise<unknown[]> {
    const records: unknown[] = []
    let counted: number | null = null
    for (let page = 1; page <= mostPages; page++) {
      const url = new URL(settings.url.replaceAll('$USERNAME', encodeURIComponent(login)))
      url.searchParams.set('page', String(page))
      url.searchParams.set('page_size', String(settings.pageSize))
      url.searchParams.set('ordering', 'proposal_id')
      const answer = Page.safeParse(await send({ method: 'GET', url, headers }, signal))
      if (!answer.success)
        throw new CatalogueFailure('Its answer is no page: count, next or results are not as agreed.')
      const { count, next, results } = answer.data
      // Pages that moved while they were read may have passed over a record.
      if (typeof count === 'number' && count !== (counted ?? count))
        throw new CatalogueFailure('It changed while it was read.')
      counted = count ?? counted
      records.push(...results)
      if (next !== null && next !== undefined && results.length > 0) continue
      if (typeof count === 'number' && records.length < count)
        throw new CatalogueFailure(`It was cut off: ${records.length} records of ${count}.`)
      return records
    }
    throw new CatalogueFailure(`It has more than ${mostPages} pages.`)
  }

  return {
    extent: 'person',
    async list({ login }, rules, signal) {
      // Two dots would lead elsewhere.
      if (login === null || /^\.*$/.test(login)) return gapOf('refused', 'It lists one person at a time, by a login.')
      try {
        const records = await readAll(login, signal)
        const { defaultPosix } = settings
        return listed(readRecords(records, { ...rules, login, defaultPosix }))
      } catch (error) {
        if (error instanceof CatalogueFailure) return gapOf(gapFor(error), error.message)
        throw error
      }
    },
  }
}
