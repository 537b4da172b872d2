import type { z } from '@hono/zod-openapi'
import { adoptInstance } from '../../db/adoption.ts'
import type { Adoption } from '../../db/adoption.ts'
import { instanceOf } from '../../domain/ids.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { Problem } from '../problem.ts'
import { checkProvider } from './commands.ts'
import type { AdoptionDocument, InstanceAdopt } from './schemas.ts'

/** Adopts an instance that no row knows of, or says whether it could be. Throws 409 where nobody can take it. */
export async function adopt(
  { db, mintInstanceSecret }: Services,
  deed: Deed,
  asked: z.output<typeof InstanceAdopt>,
): Promise<z.infer<typeof AdoptionDocument>> {
  const { provider: providerId, instance: name, dryRun } = asked
  await checkProvider(db, providerId)
  const subject = { kind: 'session', id: instanceOf(name)?.sessionId ?? null }
  return await change(db, deed, subject, async (trx) => {
    const adoption = await adoptInstance(trx, { providerId, name, dryRun }, mintInstanceSecret)
    return documentOf(adoption, name)
  })
}

const remove = 'Copy out what is wanted of it, then have a reconciliation `remove` it by name.'
const conflict = (text: string) => new Problem('conflict', text)

function documentOf(adoption: Adoption, instance: string): z.infer<typeof AdoptionDocument> {
  switch (adoption.kind) {
    case 'adopted':
    case 'already':
    case 'possible': {
      const { sessionId, generation } = adoption.key
      return { instance, sessionId, generation, adopted: adoption.kind !== 'possible' }
    }
    case 'disarmed':
      throw conflict('The installation is disarmed: it may be a copy. Arm it first.')
    case 'unseen':
      throw conflict('The last survey of this provider that changed anything saw no such instance without a row.')
    case 'rowless':
      throw conflict(
        `Session ${adoption.sessionId} has no row any more. Labels say neither whose it was nor what it was made from, so nothing can be made again from them. ${remove}`,
      )
    case 'other_generation':
      throw conflict(
        `Its session is in generation ${adoption.generation}, and can take no instance of another. ${remove}`,
      )
    case 'other_provider':
      throw conflict(`Its session is placed at the provider ${adoption.providerId}. ${remove}`)
    case 'ending':
      throw conflict(
        'Its session is ending, or has ended: its cleanup, or the next reconciliation, removes the instance.',
      )
    case 'not_waiting':
      throw conflict(
        `Its session is ${adoption.state}. Only a session that waits for its instance takes one (queued, provisioning). ${remove}`,
      )
    case 'reports':
      throw conflict(
        `Instances of its template report their ports, and the token that this one reports with was lost with its row: nobody could be led there. ${remove} Its session then gets a new one; it would else find this one by its name, wait for a report in vain, and remove it when its start limit is over.`,
      )
    case 'taken':
      throw conflict(`Its session has another instance, or is to have none of this name. ${remove}`)
    default:
      return adoption satisfies never
  }
}
