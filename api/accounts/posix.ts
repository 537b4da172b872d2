import type { PosixFault } from '../../domain/posix.ts'
import { Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'

/** Throws 422 that names each place, where a POSIX user is none that the site allows. */
export function refusePosix(faults: readonly PosixFault[]): void {
  const errors = faults.map(({ field, message }): Fault => ({ in: 'body', pointer: `/posix/${field}`, message }))
  if (errors.length > 0)
    throw new Problem('invalid_request', 'This POSIX user is none that the site allows.', { errors })
}

export const posixTaken = (field: 'uid' | 'user'): Problem =>
  new Problem('posix_taken', 'Another account is this POSIX user. Both must say that they share it, if they do.', {
    errors: [{ in: 'body', pointer: `/posix/${field}`, message: "It is another account's." }],
  })
