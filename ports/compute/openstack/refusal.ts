import type { RefusalCode } from '../../../domain/errors.ts'
import { Refusal } from '../refusal.ts'
import type { CloudError } from './cloud-error.ts'

/** What the words of a refused request mean. The first that fits counts. */
const meanings: readonly (readonly [RegExp, RefusalCode])[] = [
  [/quota|exceeds allowed|maximum number of/i, 'backend_quota'],
  [
    /can not find requested image|image .*(not found|could not be found|is not active|is unacceptable)/i,
    'image_missing',
  ],
  [
    /flavor|invalid key_name|availability zone|network .* could not be found|volume type|unable to find (network|security_group)/i,
    'template_unfit',
  ],
]

/**
 * What an answer says about a create: refused for good, or `null` where asking again may help. Time-outs, too many requests, a cloud
 * in trouble and refused credentials are of the latter kind; so is a conflict, which is somebody else at work on the same.
 */
export function refusalOf(error: CloudError): Refusal | null {
  const { status, message } = error
  if (status === 409 && /quota/i.test(message)) return new Refusal('backend_quota', message)
  // Cinder says so of its quota, and names a time after which it is no better.
  if (status === 413 && /quota|limit/i.test(message)) return new Refusal('backend_quota', message)
  // Cinder alone says of a name in a request that it is not found as if the address were not.
  if (status === 404 && /volume type/i.test(message)) return new Refusal('template_unfit', message)
  if (status === null || status >= 500 || [401, 404, 408, 409, 413, 429].includes(status)) return null
  return new Refusal(meanings.find(([words]) => words.test(message))?.[1] ?? 'start_failed', message)
}
