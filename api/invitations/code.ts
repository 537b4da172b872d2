import { createHash, randomBytes } from 'node:crypto'

/** What stands behind the # of a link. It begins so that logs cut it wherever it stands. */
export const newCode = (): string => `carrel_invitation_${randomBytes(32).toString('base64url')}`

/** What of it is compared. */
export const hashOfCode = (code: string): Buffer => createHash('sha256').update(code).digest()
