import { z } from 'zod'
import type { BoundedFetch } from './bounded-fetch.ts'
import { Unfit } from './bounded-fetch.ts'

const list = z.array(z.object({ id: z.string() })).max(10_000)

/** The token is not good for asking any more. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
}

/** The ids of the groups that the bearer is in, as Globus lists them. Rejects where that cannot be learned. */
export async function globusGroups(fetch: BoundedFetch, url: string, access: string): Promise<readonly string[]> {
  const answer = await fetch(url, { headers: { accept: 'application/json', authorization: `Bearer ${access}` } })
  if (answer.status === 401 || answer.status === 403)
    throw new TokenRefused(`its list of groups answers ${answer.status}`)
  if (answer.status !== 200) throw new Unfit(`its list of groups answers ${answer.status}`)
  const read = list.safeParse(await answer.json())
  if (!read.success) throw new Unfit('its list of groups is none')
  return read.data.map(({ id }) => id)
}
