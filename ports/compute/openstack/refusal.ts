import type { RefusalCode } from '../../../domain/errors.ts'
import { Refusal } from '../refusal.ts'
import type { CloudError } from './cloud-error.ts'

/** As each service says it, and Keystone where it keeps the limits of all. */
export const quotaWords = /quota|exceeds allowed|allowed limit|over a limit|maximum number of/i

/** What the words of a refused request mean. The first that fits counts. */
const meanings: readonly (readonly [RegExp, RefusalCode])[] = [
  [quotaWords, 'backend_quota'],
  [
    /can not find requested image|image .*(not found|could not be found|is not active|is unacceptable)/i,
    'image_missing',
  ],
  [
    /flavor|invalid key_name|availability zone|network .* could not be found|volume type|unable to find (network|security_group)/i,
    'template_unfit',
  ],
]

/** A network without an address left has some again when a session ends. */
const fullWords = /unable to find any ip address/i

/**
 * What an answer says about a create: refused for good, or `null` where asking again may help. Time-outs, too many requests, a cloud
 * in trouble, refused credentials and what a proxy says are of the latter kind; so is a conflict, which is somebody else at work on
 * the same.
 */
export function refusalOf({ status, message, told }: CloudError): Refusal | null {
  if (!told || status === null || status < 400 || status >= 500 || fullWords.test(message)) return null
  // Neutron and Cinder say so of their quotas, Cinder with a time after which it is no better.
  if (status === 409 || status === 413) return quotaWords.test(message) ? new Refusal('backend_quota', message) : null
  // Cinder alone says of a name in a request that it is not found as if the address were not.
  if (status === 404) return /volume type/i.test(message) ? new Refusal('template_unfit', message) : null
  if ([401, 408, 429].includes(status)) return null
  return new Refusal(meanings.find(([words]) => words.test(message))?.[1] ?? 'start_failed', message)
}
