import { createHash, randomBytes } from 'node:crypto'

const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`

/** A new ticket, and a new pass: 32 random bytes each. What is stored of them is a hash. */
export const newTicket = (): string => newSecret('ct')
export const newPass = (): string => newSecret('cp')

/** 32 random bytes need no slow hash. */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
